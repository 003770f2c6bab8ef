"""All that the records of one training say, ready for JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mmgala.analysis.gradient_files import GradientRecord
from mmgala.analysis.gradient_summary import (
    GROUPS,
    gradient_ratio,
    group_classes,
    group_ratios,
    summarise_gradients,
)


def describe_gradients(records: Sequence[GradientRecord]) -> dict[str, Any]:
    """Figures of one training.

    Args:
        records: of :func:`mmgala.analysis.read_gradient_run`.

    Returns:
        ``unit`` and ``steps``: what the lists over time are at;
        ``summary``: a list over time of each number of
        :func:`mmgala.analysis.summarise_gradients`, and ``summary_total``: the number
        over the whole training;
        ``ratio_by_group``: a list over time of each shot group's ratio;
        ``ratio`` of the last period and ``ratio_total`` of the whole training,
        ``(C,)``;
        ``pos_grad``, ``neg_grad``, ``given_grad`` of the whole training, ``(C,)``;
        ``source_shares``: ``(C, 3)``, share of each class vector's negative gradient
        that many-, medium- and few-shot samples give, over the whole training;
        ``source_share_by_step``: a list over time for each group, of all negative
        gradient;
        ``matrix``: None, or ``values`` ``(B, B)``, negative gradient over the whole
        training by receiving (row) and giving class (column), and ``bins`` ``(C,)``.

        Numbers that are not defined are None.
    """
    last = records[-1]
    groups = group_classes(last)
    summaries = [summarise_gradients(record) for record in records]
    ratios = [group_ratios(gradient_ratio(r.period), groups) for r in records]
    shares = [_shares(r.period.sources.sum(axis=1)) for r in records]
    return dict(
        unit=last.unit,
        steps=[record.number for record in records],
        summary={key: [s[key] for s in summaries] for key in summaries[0]},
        summary_total=summarise_gradients(last, whole_training=True),
        ratio_by_group={name: [r[name] for r in ratios] for name in groups},
        ratio=_plain(gradient_ratio(last.period)),
        ratio_total=_plain(gradient_ratio(last.total)),
        pos_grad=_plain(last.total.pos_grad),
        neg_grad=_plain(last.total.neg_grad),
        given_grad=_plain(last.total.given_grad),
        source_shares=[_plain(row) for row in _shares(last.total.sources).T],
        source_share_by_step={
            name: _plain(share[i] for share in shares)
            for i, name in enumerate(GROUPS)
            if name in groups
        },
        matrix=(
            dict(
                values=[_plain(row) for row in last.total.matrix],
                bins=last.matrix_bins.tolist(),
            )
            if last.total.matrix.size
            else None
        ),
    )


def _shares(sources: np.ndarray) -> np.ndarray:
    """Parts of the sum over the first axis; NaN where it is 0."""
    total = sources.sum(axis=0, keepdims=True)
    return np.divide(
        sources, total, out=np.full(sources.shape, np.nan), where=total > 0
    )


def _plain(values: Iterable[float]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
