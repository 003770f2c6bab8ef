"""Evaluate re-balanced predictions with any metrics."""

from collections.abc import Sequence
from typing import Any, Literal

from mmengine.evaluator import BaseMetric

from mmgala.evaluation.post_hoc_evaluator import PostHocEvaluator
from mmgala.registry import EVALUATOR


@EVALUATOR.register_module()
class RebalancingEvaluator(PostHocEvaluator):
    """Gather a test set's scores, re-balance them, then run the metrics.

    See :class:`PostHocEvaluator`, of which this is the form that always re-balances
    (arXiv 2403.09036, section 3.3).

    Args:
        metrics: configs of the metrics.
        tau: strength, 0 or more. Choose it on validation data
            (``tools/test.py --tau auto``).
        class_mass: class mass fitted earlier, ``(C,)``. Defaults to that of the test
            set itself, which must then be whole and balanced.
        target_prior: class shares of the test set, ``(C,)`` with sum 1, or
            ``'train'``: those of the training set. Defaults to balanced.
        **steps: the other steps, ``logit_adjustment`` and ``temperature``; and
            ``class_counts``.

    Raises:
        ValueError: on a wrong ``tau``, ``class_mass`` or ``target_prior``, on
            predictions without scores, or on fewer samples than classes.
    """

    def __init__(
        self,
        metrics: dict | BaseMetric | Sequence,
        tau: float = 1.0,
        class_mass: Sequence[float] | None = None,
        target_prior: Sequence[float] | Literal['train'] | None = None,
        **steps: Any,
    ) -> None:
        super().__init__(
            metrics,
            rebalancing=tau,
            class_mass=class_mass,
            target_prior=target_prior,
            **steps,
        )
