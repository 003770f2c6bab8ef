"""Write what a comparison found: JSON, Markdown, a picture and the configs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmgala.analysis.files import write_text
from mmgala.comparison.machine import describe_machine
from mmgala.comparison.notes import describe_data, notes
from mmgala.comparison.record import recorded_failures, row_records, run_record
from mmgala.comparison.results import (
    COLUMNS,
    DEFAULT_LIMITS,
    Row,
    diverged,
    evaluate_runs,
    leading_metric,
    post_hoc_name,
)
from mmgala.comparison.runs import CONFIG, LOG, Run
from mmgala.comparison.tables import cells, markdown_table
from mmgala.comparison.verdict import (
    Interval,
    differences,
    groups_of,
    verdict,
)
from mmgala.visualization.comparison_plots import MethodPoint, plot_head_vs_tail

PICTURE = 'head_vs_tail.png'


def write_report(
    runs: Sequence[Run],
    work_dir: Path,
    selection: str,
    post_hoc: Sequence[str] = (),
    columns: Sequence[str] = tuple(COLUMNS),
    failed: Mapping[str, str] | None = None,
    limits: Mapping[str, int] | None = None,
    training_prior: bool = False,
) -> str:
    """Write ``results.json``, ``results.md``, ``head_vs_tail.png`` and the configs.

    ``pandas.json_normalize(results['rows'], 'runs', ['name', 'method', 'post_hoc'])``
    makes a data frame of the JSON with a line for each row and seed.

    Args:
        runs: of the plan, finished or not.
        work_dir: where to write.
        selection: which epoch counts.
        post_hoc: names of ``POST_HOC``.
        columns: metrics of the table.
        failed: one line for each run that failed, by its name.
        limits: ``many`` and ``few``.
        training_prior: whether post-hoc steps aim at the training set's class shares.

    Returns:
        The Markdown text.
    """
    limits = {**DEFAULT_LIMITS, **(limits or {})}
    failed = {**recorded_failures(runs), **diverged(runs), **(failed or {})}
    shown = [run for run in runs if run.name not in failed]
    rows, targets = evaluate_runs(shown, post_hoc, training_prior, **limits)
    lead = leading_metric(targets)
    first = next(run.method for run in runs if run.asked)
    base = next((row for row in rows if row.name == first), None)
    over_first = differences(base, rows, targets)
    data = describe_data(runs)
    found = verdict(rows, over_first, targets)
    remarks = notes(runs, selection, post_hoc, limits, targets, training_prior)
    chosen = {name: COLUMNS[name] for name in columns}
    parts = [
        data,
        '\n'.join(f'- {sentence}' for sentence in found),
        _table(rows, over_first, chosen, runs, COLUMNS[lead]),
        ' '.join(remarks) if rows else '',
        _failures(runs, failed, work_dir),
    ]
    text = '\n\n'.join(filter(None, parts)) + '\n'
    write_text(work_dir / 'results.md', text)
    record = dict(
        selection=selection,
        data=data,
        verdict=found,
        statement=' '.join(remarks),
        limits=limits,
        rows=row_records(rows, over_first, lead),
        runs=[run_record(run, work_dir, failed) for run in runs],
        machine=describe_machine(),
    )
    write_text(work_dir / 'results.json', json.dumps(record, indent=1))
    _write_configs(runs, work_dir)
    draw(rows, work_dir / PICTURE)
    return text


def _write_configs(runs: Sequence[Run], work_dir: Path) -> None:
    """The config of each method's first seed."""
    for run in {run.method: run for run in reversed(runs)}.values():
        path = work_dir / 'configs' / f'{run.folder.parent.name}.py'
        text = (run.folder / CONFIG).read_text() if run.finished else None
        write_text(path, text or run.cfg.pretty_text)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw head against tail; nothing where the classes have one group alone."""
    groups = groups_of(rows)
    if len(groups) < 2:
        return
    head, tail = groups[0], groups[-1]
    points = [
        MethodPoint(
            row.method,
            post_hoc_name(row.post_hoc) if row.post_hoc else '',
            [run[head] for run in row.runs],
            [run[tail] for run in row.runs],
        )
        for row in rows
    ]
    names = (f'{head}-shot', f'{tail}-shot')
    title = 'Frequent against rare classes, on the test set'
    plot_head_vs_tail(points, path, title, names)


def _table(
    rows: Sequence[Row],
    over_first: Mapping[str, Interval | None],
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
        body.append([name, *cells(row.runs, columns), str(gain or '-')])
    first = next(run.method for run in runs if run.asked)
    headings = ['', *columns.values(), f'{lead} over {first} (95 %)']
    return markdown_table(headings, body)


def _failures(runs: Sequence[Run], failed: Mapping[str, str], work_dir: Path) -> str:
    lines = [
        f'- {run.name}: {failed[run.name]} ({(run.folder / LOG).relative_to(work_dir)})'
        for run in runs
        if run.name in failed
    ]
    return '\n'.join(['Failed:', '', *lines]) if lines else ''
