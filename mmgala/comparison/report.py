"""Report of a comparison: JSON, Markdown, a plot and the configs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.analysis.answer import Line, answer, method_note
from mmgala.analysis.compared_scores import Scores, TargetPrior, read_scores
from mmgala.analysis.comparison_folders import RESULTS, read_run_state
from mmgala.analysis.differences import Differences
from mmgala.analysis.intervals import Interval
from mmgala.analysis.rows import Row, leading_metric, pareto_front
from mmgala.comparison.notes import describe_data, footnotes
from mmgala.comparison.results import (
    contradicted_aim,
    diverged,
    evaluate_runs,
    post_hoc_title,
)
from mmgala.comparison.runs import CONFIG, LOG, Run
from mmgala.comparison.verdict import compared, present_groups
from mmgala.functional import METRIC_NAMES, ShotThresholds
from mmgala.utils.environment import describe_machine
from mmgala.utils.files import write_text
from mmgala.utils.tables import cells_over_seeds, markdown_table
from mmgala.visualization.comparison_plots import MethodPoint, plot_head_vs_tail


def row_records(
    rows: Sequence[Row], over_first: Mapping[str, Interval], lead: str
) -> list[dict[str, Any]]:
    """Rows of the table as plain data, with the metrics of each seed.

    Args:
        rows: of the table.
        over_first: difference in the leading metric from the first row, by name.
        lead: the leading metric.
    """
    return [_row_record(row, over_first.get(row.name), lead) for row in rows]


def _row_record(row: Row, interval: Interval | None, lead: str) -> dict[str, Any]:
    record: dict[str, Any] = dict(
        name=row.name, method=row.method, post_hoc=row.post_hoc
    )
    record['runs'] = [
        dict(seed=seed, **{k: round(v, 4) for k, v in run.items()})
        for seed, run in zip(row.seeds, row.runs, strict=True)
    ]
    if interval is not None:
        difference = {k: round(v, 4) for k, v in vars(interval).items()}
        record[f'{lead}_over_first'] = difference
    return record


def run_record(run: Run, work_dir: Path, failed: Mapping[str, str]) -> dict[str, Any]:
    """State of a run, as plain data, even if it has no row in the table."""
    record = read_run_state(run.folder) or {}
    folder = run.folder.relative_to(work_dir)
    kept: dict[str, Any] = {
        k: record[k] for k in ('seconds', 'resumed_at', 'versions') if k in record
    }
    result: dict[str, Any] = dict(
        method=run.method, seed=run.seed, folder=str(folder), hash=run.hash
    )
    if run.name in failed:
        log = str(folder / LOG)
        return dict(**result, status='failed', error=failed[run.name], log=log, **kept)
    if run.finished:
        return dict(**result, status='finished', **kept)
    return dict(**result, status='not finished')


def recorded_failures(runs: Sequence[Run]) -> dict[str, str]:
    """One line for each run that failed earlier and was not repeated."""
    records = {run.name: read_run_state(run.folder) or {} for run in runs}
    return {
        name: record.get('error', 'unknown')
        for name, record in records.items()
        if record.get('status') == 'failed'
    }


def _stored_scores(runs: Sequence[Run]) -> Scores | None:
    """Scores of a finished run; thresholds and class counts are stored with them."""
    done = next((run for run in runs if run.finished), None)
    return None if done is None else read_scores(done.folder)


PLOT_FILE = 'head_vs_tail.png'
OUTLIER_RANGE = 3  # interquartile ranges below the lower quartile


def write_report(
    runs: Sequence[Run],
    work_dir: Path,
    selection: str,
    post_hoc: Sequence[str] = (),
    columns: Sequence[str] = tuple(METRIC_NAMES),
    failed: Mapping[str, str] | None = None,
    thresholds: ShotThresholds | None = None,
    target_prior: TargetPrior = None,
    own_loss: str = '',
) -> str:
    """Write ``results.json``, ``results.md``, ``head_vs_tail.png`` and the configs.

    ``pandas.json_normalize(results['rows'], 'runs', ['name', 'method', 'post_hoc'])``
    makes a data frame of the JSON, with a row for each row of the table and seed.

    Args:
        runs: of the plan, finished or not.
        work_dir: folder to write to.
        selection: ``'last'`` or ``'best'`` epoch.
        post_hoc: values of ``POST_HOC``.
        columns: metrics in the table.
        failed: one line for each run that failed, by its name.
        thresholds: shot thresholds. Defaults to those stored with the scores.
        target_prior: class shares that post-hoc steps aim at.
        own_loss: sentences on the loss of the config, see
            :func:`mmgala.comparison.own_loss.own_loss_note`, and on what is added to
            all trainings, if needed.

    Returns:
        The text of ``results.md``, with the commands that it advises.
    """
    failed = {**recorded_failures(runs), **diverged(runs), **(failed or {})}
    shown = [run for run in runs if run.name not in failed]
    stored = _stored_scores(shown)
    thresholds = thresholds or (stored and stored.thresholds) or ShotThresholds()
    rows, targets = evaluate_runs(shown, post_hoc, target_prior, thresholds)
    lead = leading_metric(targets)
    first = next(run.method for run in runs if run.requested)
    base = next((row for row in rows if row.name == first), None)
    over_first = Differences(rows, targets).from_first(base)
    data = describe_data(runs)
    about = stored and rows and compared(rows, targets, runs, stored, thresholds)
    found = answer(about) if about else []
    counts = None if stored is None else stored.class_counts
    remarks = footnotes(
        runs, selection, post_hoc, thresholds, targets, target_prior, counts, own_loss
    )
    if about:
        remarks += [method_note(about)]
    chosen = {name: METRIC_NAMES[name] for name in columns}
    parts = [
        _table(rows, over_first, chosen, runs, METRIC_NAMES[lead]),
        ' '.join(filter(None, remarks)) if rows else '',
        _failures(runs, failed, work_dir),
        contradicted_aim(shown, target_prior) if post_hoc else '',
    ]
    write_text(work_dir / 'results.md', _whole([data, _bullets(found), *parts]))
    record = dict(
        selection=selection,
        data=data,
        verdict=[line.text for line in found],
        statement=' '.join(remarks),
        limits=asdict(thresholds),
        rows=row_records(rows, over_first, lead),
        runs=[run_record(run, work_dir, failed) for run in runs],
        machine=describe_machine(),
    )
    write_text(work_dir / RESULTS, json.dumps(record, indent=1))
    _write_configs(runs, work_dir)
    write_plot(rows, work_dir / PLOT_FILE)
    return _whole([data, _bullets(found, commands=True), *parts])


def _whole(parts: Sequence[str]) -> str:
    return '\n\n'.join(filter(None, parts)) + '\n'


def _bullets(found: Sequence[Line], commands: bool = False) -> str:
    """The conclusions as a list; commands have paths of this machine."""
    return '\n'.join(
        f'- {line.text}'
        + (f'\n      {line.command}' if commands and line.command else '')
        for line in found
    )


def _write_configs(runs: Sequence[Run], work_dir: Path) -> None:
    """Write the config of each method's first seed."""
    for run in {run.method: run for run in reversed(runs)}.values():
        path = work_dir / 'configs' / f'{run.folder.parent.name}.py'
        text = (run.folder / CONFIG).read_text() if run.finished else None
        write_text(path, text or run.cfg.pretty_text)


def write_plot(rows: Sequence[Row], path: Path) -> None:
    """Plot head against tail accuracy; skipped if there is only one shot group."""
    groups = present_groups(rows)
    if len(groups) < 2:
        return
    head, tail = groups[0], groups[-1]
    points = [
        MethodPoint(
            row.method,
            post_hoc_title(row.post_hoc) if row.post_hoc else '',
            [run[head] for run in row.runs],
            [run[tail] for run in row.runs],
        )
        for row in rows
    ]
    means = np.array([point.mean for point in points])
    places = zip(points, pareto_front(means), plot_outliers(means), strict=True)
    points = [replace(p, on_front=best, hidden=far) for p, best, far in places]
    names = (f'{head}-shot', f'{tail}-shot')
    title = 'Frequent against rare classes, on the test set'
    plot_head_vs_tail(points, path, title, names)


def plot_outliers(values: np.ndarray) -> np.ndarray:
    """Find outliers to leave out of a plot, as they would compress all other points.

    Outliers are far below the other points in one of the values. Pareto-optimal points
    are never outliers, nor are points within the range of the remaining ones.

    Args:
        values: ``(N, 2)`` values; higher is better.

    Returns:
        ``(N,)`` bool.

    Examples:
        >>> values = np.array([[80, 50], [81, 51], [82, 52], [83, 53], [40, 50]])
        >>> plot_outliers(values).tolist()
        [False, False, False, False, True]
    """
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    far = (values < low - OUTLIER_RANGE * (high - low)).any(axis=1)
    far &= ~pareto_front(values)
    return far & (values < values[~far].min(axis=0)).any(axis=1)


def _table(
    rows: Sequence[Row],
    over_first: Mapping[str, Interval],
    columns: Mapping[str, str],
    runs: Sequence[Run],
    lead: str,
) -> str:
    if not rows:
        return 'No run has finished.'
    seeds = len({run.seed for run in runs})
    body = []
    for row in rows:
        missing = f' ({len(row.seeds)} of {seeds} seeds)'
        name = row.name + missing * (len(row.seeds) < seeds)
        gain = over_first.get(row.name)
        body.append([name, *cells_over_seeds(row.runs, columns), str(gain or '-')])
    first = next(run.method for run in runs if run.requested)
    headings = ['', *columns.values(), f'{lead} over {first} (95 %)']
    return markdown_table(headings, body)


def _failures(runs: Sequence[Run], failed: Mapping[str, str], work_dir: Path) -> str:
    lines = [
        f'- {run.name}: {failed[run.name]} ({(run.folder / LOG).relative_to(work_dir)})'
        for run in runs
        if run.name in failed
    ]
    return '\n'.join(['Failed:', '', *lines]) if lines else ''
