"""Write what a comparison found: JSON, Markdown, a picture and the configs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.analysis.files import write_text
from mmgala.comparison.bootstrap import paired_difference
from mmgala.comparison.machine import describe_machine
from mmgala.comparison.results import COLUMNS, Row, evaluate_runs, post_hoc_name
from mmgala.comparison.runs import CONFIG, LOG, Run, read_record
from mmgala.comparison.tables import cells, markdown_table
from mmgala.visualization.comparison_plots import MethodPoint, plot_head_vs_tail

CHOICE = {
    'last': 'The last epoch counts.',
    'best': 'The epoch with the best per-class mean on the validation set counts.',
}
NEVER = 'Nothing was chosen on the test set.'
INTERVAL = (
    'Intervals: 95 % of 10,000 draws of the test images within each class and, in '
    'pairs, of the seeds.'
)


def write_report(
    runs: Sequence[Run],
    work_dir: Path,
    selection: str,
    post_hoc: Sequence[str] = (),
    columns: Sequence[str] = tuple(COLUMNS),
    failed: Mapping[str, str] | None = None,
    limits: Mapping[str, int] | None = None,
) -> str:
    """Write ``results.json``, ``results.md``, ``head_vs_tail.png`` and the configs.

    Args:
        runs: of the plan, finished or not.
        work_dir: where to write.
        selection: which epoch counts.
        post_hoc: names of ``POST_HOC``.
        columns: metrics of the table.
        failed: one line for each run that failed, by its name.
        limits: ``many`` and ``few``.

    Returns:
        The Markdown text.
    """
    rows, targets = evaluate_runs(runs, post_hoc, **(limits or {}))
    first = next(run.method for run in runs if run.asked)
    base = next((row for row in rows if row.name == first), None)
    intervals = {
        row.name: difference(base, row, targets)
        for row in rows
        if base is not None and row is not base
    }
    failed = {**_recorded_failures(runs), **(failed or {})}
    notes = _notes(runs, selection, post_hoc)
    chosen = {name: COLUMNS[name] for name in columns}
    text = f'{" ".join(notes)}\n\n{_table(rows, intervals, chosen, first)}\n'
    if failed:
        lines = [
            f'- {run.name}: {failed[run.name]} ({run.folder / LOG})'
            for run in runs
            if run.name in failed
        ]
        text += '\n'.join(['', 'Failed:', '', *lines, ''])
    write_text(work_dir / 'results.md', text)
    record = dict(
        selection=selection,
        statement=' '.join(notes),
        limits=limits,
        rows=[_row_record(row, intervals.get(row.name)) for row in rows],
        runs=[_run_record(run, work_dir, failed) for run in runs],
        machine=describe_machine(),
    )
    write_text(work_dir / 'results.json', json.dumps(record, indent=1))
    for run in {run.method: run for run in reversed(runs)}.values():
        path = work_dir / 'configs' / f'{run.folder.parent.name}.py'
        text_of = (run.folder / CONFIG).read_text() if run.finished else None
        write_text(path, text_of or run.cfg.pretty_text)
    draw(rows, work_dir / 'head_vs_tail.png')
    return text


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw head against tail; nothing where the classes have one group alone."""
    groups = [g for g in ('many', 'medium', 'few') if rows and g in rows[0].runs[0]]
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
    plot_head_vs_tail(points, path, 'Head against tail, on the test set', names)


def difference(
    first: Row, row: Row, targets: np.ndarray
) -> tuple[float, float, float] | None:
    """Mean of a row's top-1 over the first's, and its interval; on common seeds.

    None where there are no common seeds.
    """
    common = [seed for seed in first.seeds if seed in row.seeds]
    if not common:
        return None
    a, b = (r.correct[[list(r.seeds).index(s) for s in common]] for r in (first, row))
    return 100 * float(b.mean() - a.mean()), *paired_difference(a, b, targets)


def _recorded_failures(runs: Sequence[Run]) -> dict[str, str]:
    """One line for each run that failed in an earlier call and was not repeated."""
    records = {run.name: read_record(run.folder) or {} for run in runs}
    return {
        name: record.get('error', 'unknown')
        for name, record in records.items()
        if record.get('status') == 'failed'
    }


def _notes(runs: Sequence[Run], selection: str, post_hoc: Sequence[str]) -> list[str]:
    seeds = len({run.seed for run in runs})
    notes = [
        f'Percent on the test set, mean ± standard deviation of {seeds} '
        f'seed{"s" * (seeds > 1)}.',
        CHOICE[selection],
    ]
    if post_hoc:
        notes.append('What is done after training was chosen on the validation set.')
    return [*notes, NEVER, INTERVAL]


def _table(
    rows: Sequence[Row],
    intervals: Mapping[str, tuple[float, float, float] | None],
    columns: Mapping[str, str],
    first: str,
) -> str:
    if not rows:
        return 'No run has finished.'
    body = []
    for row in rows:
        found = intervals.get(row.name)
        gain = '-' if found is None else '{:+.1f} ({:+.1f} to {:+.1f})'.format(*found)
        body.append([row.name, *cells(row.runs, columns), gain])
    headings = ['', *columns.values(), f'top-1 over {first} (95 %)']
    return markdown_table(headings, body)


def _row_record(
    row: Row, interval: tuple[float, float, float] | None
) -> dict[str, Any]:
    record: dict[str, Any] = dict(name=row.name, method=row.method)
    if row.post_hoc:
        record['post_hoc'] = row.post_hoc
    record['runs'] = [
        dict(seed=seed, **{k: round(v, 4) for k, v in run.items()})
        for seed, run in zip(row.seeds, row.runs, strict=True)
    ]
    if interval is not None:
        record['top1_over_first'] = dict(
            zip(('mean', 'low', 'high'), (round(v, 4) for v in interval), strict=True)
        )
    return record


def _run_record(run: Run, work_dir: Path, failed: Mapping[str, str]) -> dict[str, Any]:
    record = read_record(run.folder) or {}
    folder = run.folder.relative_to(work_dir)
    kept: dict[str, Any] = {
        k: record[k] for k in ('seconds', 'resumed_at', 'versions') if k in record
    }
    result: dict[str, Any] = dict(
        method=run.method, seed=run.seed, folder=str(folder), hash=run.hash
    )
    if run.finished:
        return dict(**result, status='finished', **kept)
    if run.name in failed:
        log = str(folder / LOG)
        return dict(**result, status='failed', error=failed[run.name], log=log, **kept)
    return dict(**result, status='not finished')
