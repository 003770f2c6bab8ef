"""What ``results.json`` holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmgala.comparison.results import Row
from mmgala.comparison.runs import LOG, Run, read_record
from mmgala.comparison.verdict import Interval


def row_records(
    rows: Sequence[Row], over_first: Mapping[str, Interval | None], lead: str
) -> list[dict[str, Any]]:
    """Rows of the table with the numbers of each seed.

    Args:
        rows: of the table.
        over_first: difference of the leading metric to the first row's, by name.
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
    """How a run went, whether it is a row of the table or not."""
    record = read_record(run.folder) or {}
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
    """One line for each run that failed in an earlier call and was not repeated."""
    records = {run.name: read_record(run.folder) or {} for run in runs}
    return {
        name: record.get('error', 'unknown')
        for name, record in records.items()
        if record.get('status') == 'failed'
    }
