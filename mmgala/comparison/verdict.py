"""Conclusions of a comparison in sentences."""

from collections.abc import Sequence

import numpy as np

from mmgala.analysis.answer import FITTED, Compared, Place
from mmgala.analysis.compared_scores import Scores
from mmgala.analysis.rows import Row
from mmgala.comparison.runs import CONFIG, Run
from mmgala.functional import SHOT_GROUPS, ShotThresholds


def compared(
    rows: Sequence[Row],
    targets: np.ndarray,
    runs: Sequence[Run],
    stored: Scores,
    thresholds: ShotThresholds,
) -> Compared:
    """What the sentences on a comparison are about.

    Args:
        rows: of the table, at least one.
        targets: labels of the test set, ``(N,)``.
        runs: of the plan.
        stored: scores of a finished run, which have the counts and names of classes.
        thresholds: shot thresholds.
    """
    return Compared(
        rows,
        targets,
        stored.class_counts,
        stored.class_names or None,
        thresholds,
        {run.method: _place(run) for run in reversed(runs) if run.finished},
    )


def _place(run: Run) -> Place:
    """The config of a run, and the checkpoint that it ended with."""
    checkpoints = [p for p in run.folder.glob('*.pth') if p.name != FITTED]
    return Place.at(
        run.folder / CONFIG, checkpoints[0] if len(checkpoints) == 1 else None
    )


def present_groups(rows: Sequence[Row]) -> list[str]:
    """Shot groups that have classes, head first."""
    return [group for group in SHOT_GROUPS if rows and group in rows[0].runs[0]]
