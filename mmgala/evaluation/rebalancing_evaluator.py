"""Evaluate re-balanced predictions with any metrics."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmgala.evaluation.scores import stack_scores
from mmgala.functional.checks import check_class_vector
from mmgala.functional.rebalance import (
    check_enough_samples,
    check_target_prior,
    check_tau,
    rebalance,
)
from mmgala.registry import EVALUATOR


@EVALUATOR.register_module()
class RebalancingEvaluator(Evaluator):
    """Gather a test set's scores, re-balance them, then run the metrics.

    The model does not know of it. Scores are kept on the CPU until the last sample
    is there, N x C float32 over all ranks; then each rank re-balances its own part by
    the class mass of all (arXiv 2403.09036, section 3.3). ``pred_score`` and
    ``pred_label`` of each sample are replaced; the metrics get no ``data_batch``.

    Args:
        metrics: configs of the metrics.
        tau: strength, 0 or more. Choose it on validation data
            (``tools/test.py --tau auto``).
        class_mass: class mass fitted earlier, ``(C,)``. Defaults to that of the test
            set itself, which must then be whole and balanced.
        target_prior: class shares of the test set, ``(C,)`` with sum 1. Defaults to
            balanced.

    Raises:
        ValueError: on a wrong ``tau``, ``class_mass`` or ``target_prior``, on
            predictions without scores, or on fewer samples than classes.
    """

    def __init__(
        self,
        metrics: dict | BaseMetric | Sequence,
        tau: float = 1.0,
        class_mass: Sequence[float] | None = None,
        target_prior: Sequence[float] | None = None,
    ) -> None:
        super().__init__(metrics)
        check_tau(tau)
        self.tau = tau
        self.class_mass = _vector(class_mass)
        self.target_prior = _vector(target_prior)
        if self.class_mass is not None:
            check_class_vector('class_mass', self.class_mass, len(self.class_mass))
        if self.target_prior is not None:
            check_target_prior(self.target_prior, len(self.target_prior))
        self._reset()

    def _reset(self) -> None:
        self._samples: list[list[dict]] = []
        self._scores: list[Tensor] = []

    def process(
        self, data_samples: Sequence[BaseDataElement], data_batch: Any = None
    ) -> None:
        """Keep a batch of predictions."""
        samples = [
            s.to_dict() if isinstance(s, BaseDataElement) else dict(s)
            for s in data_samples
        ]
        if not samples:
            return
        scores = stack_scores(samples).float().cpu()
        for name, vector in (
            ('class_mass', self.class_mass),
            ('target_prior', self.target_prior),
        ):
            if vector is not None:  # before the whole test set has been run through
                check_class_vector(name, vector, scores.shape[1])
        for sample in samples:
            del sample['pred_score']  # kept once, and off the accelerator
            sample.pop('pred_label', None)
        self._scores.append(scores)
        self._samples.append(samples)

    def evaluate(self, size: int) -> dict:
        """Re-balance all predictions and compute the metrics.

        Args:
            size: length of the test set; what samplers pad beyond it is not counted.
        """
        class_mass = self.class_mass
        if class_mass is None:
            class_mass = self._transductive_mass(size)
        for samples in self._rebalanced(class_mass):
            super().process(samples)
        self._reset()
        return super().evaluate(size)

    def _transductive_mass(self, size: int) -> Tensor:
        """Column sums of all ranks' scores without the padding, ``(C,)`` float64."""
        rank, world_size = get_dist_info()
        scores = torch.cat(self._scores)
        check_enough_samples(size, scores.shape[1])
        # MMEngine deals sample i of the data set to rank i % world_size, as its
        # `collect_results` takes for granted too.
        position = torch.arange(len(scores)) * world_size + rank
        mass = scores[position < size].sum(dim=0, dtype=torch.float64)
        all_reduce(mass)
        return mass

    def _rebalanced(self, class_mass: Tensor) -> Iterator[list[dict]]:
        for scores, samples in zip(self._scores, self._samples, strict=True):
            new_scores = rebalance(scores, self.tau, class_mass, self.target_prior)
            for sample, score in zip(samples, new_scores, strict=True):
                sample['pred_score'] = score
                sample['pred_label'] = score.argmax().reshape(1)
            yield samples


def _vector(values: Sequence[float] | None) -> Tensor | None:
    return None if values is None else torch.as_tensor(values, dtype=torch.float64)
