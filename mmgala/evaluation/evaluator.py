"""Evaluators that apply post-hoc steps before they compute any metrics."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmgala.evaluation.score_dump import stack_scores
from mmgala.functional.checks import check_finite_scores
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.functional.prior_check import (
    PriorContradiction,
    contradicted_prior,
    prior_warning,
)
from mmgala.functional.rebalance import check_enough_samples
from mmgala.registry import EVALUATOR


@EVALUATOR.register_module()
class PostHocEvaluator(Evaluator):
    """Gather a test set's scores, apply post-hoc steps, then compute the metrics.

    The model itself is not changed. Scores stay on the CPU until the last sample has
    been predicted, N x C float32 over all ranks; then each rank transforms its own
    part, with the class mass of all ranks. ``pred_score`` and ``pred_label`` of each
    sample are replaced; the metrics receive no ``data_batch``.

    Args:
        metrics: configs of the metrics.
        **steps: fields of :class:`mmgala.functional.PostHocSteps`. The strengths
            ``logit_adjustment``, ``rebalancing`` and ``temperature`` should be chosen
            on validation data (as ``auto`` of ``mmgala test`` does). ``class_counts``
            default to those of the checkpoint, by
            :class:`mmgala.engine.ClassCountsHook`; ``class_mass`` to that of the test
            set itself, which must then be whole and have balanced classes, or the
            class shares in ``target_prior``.

    Attributes:
        steps (PostHocSteps): the steps to apply.
        contradiction (PriorContradiction): set by ``evaluate`` if the samples have
            labels, and these contradict the class shares that the steps assume; else
            ``None``. It is logged as a warning.
        logs_contradiction (bool): whether ``evaluate`` logs it; a program that logs it
            later, after the metrics, sets this to False.

    Raises:
        ValueError: if a strength or vector is invalid, class counts are needed and
            unknown, predictions have no scores, or there are fewer samples than
            classes.

    Examples:
        >>> from mmgala.evaluation import LongTailedAccuracy
        >>> evaluator = PostHocEvaluator(LongTailedAccuracy(), rebalancing=1.7)
        >>> print(evaluator.steps)
        re-balanced with tau=1.7 over the whole test set
    """

    def __init__(
        self, metrics: dict | BaseMetric | Sequence, **steps: float | Sequence | None
    ) -> None:
        super().__init__(metrics)
        self.steps = PostHocSteps.from_config(**steps)
        self.contradiction: PriorContradiction | None = None
        self.logs_contradiction = True
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
        if not self._scores:  # fail before the model has predicted the whole test set
            self._take_class_counts()
            self.steps.check_num_classes(scores.shape[1])
        for sample in samples:
            del sample['pred_score']  # one copy is enough, and not on the accelerator
            sample.pop('pred_label', None)
        self._scores.append(scores)
        self._samples.append(samples)

    def _take_class_counts(self) -> None:
        if not self.steps.needs_class_counts or self.steps.class_counts is not None:
            return
        meta = self.dataset_meta or {}
        found: dict[str, Any] = {
            name: torch.as_tensor(meta[name], dtype=torch.float64)
            for name in ('class_counts', 'class_draws')
            if meta.get(name) is not None
        }
        self.steps = replace(self.steps, **found)

    def evaluate(self, size: int) -> dict:
        """Transform all predictions and compute the metrics.

        Args:
            size: length of the test set, without padding samples.

        Raises:
            ValueError: if scores are not finite, or there are fewer samples than
                classes to estimate the class mass from.
        """
        if self._scores:
            sums = torch.cat([scores.sum(dim=1) for scores in self._scores])
            check_finite_scores(sums)
        self.contradiction = self._contradiction(size)
        for index, scores in enumerate(self._scores):
            self._scores[index] = self.steps.adjust_for_counts(scores)
        class_mass = self.steps.class_mass
        if self.steps.rebalancing is not None and class_mass is None:
            class_mass = self._transductive_mass(size)
        for samples in self._transformed(class_mass):
            super().process(samples)
        self._reset()
        metrics = super().evaluate(size)
        if self.contradiction is not None and self.logs_contradiction:
            print_log(self.warning, logger='current', level=logging.WARNING)
        return metrics

    @property
    def warning(self) -> str:
        """The contradiction in words; empty without one."""
        if self.contradiction is None:
            return ''
        names = (self.dataset_meta or {}).get('classes') or ()
        return prior_warning('the test set', self.contradiction, names)

    def _contradiction(self, size: int) -> PriorContradiction | None:
        """Whether the labels of all ranks contradict the class shares of the steps."""
        if not self.steps.assumes_prior or not self._scores:
            return None
        num_classes = self._scores[0].shape[1]
        samples = [sample for batch in self._samples for sample in batch]
        labels = torch.tensor([_single_label(s, num_classes) for s in samples])
        labels = labels[self._positions(len(samples)) < size]
        # The last entry counts samples without a label.
        support = labels.bincount(minlength=num_classes + 1).double()
        all_reduce(support)
        if support[-1] > 0:
            return None
        return contradicted_prior(support[:-1], self.steps.prior)

    def _transductive_mass(self, size: int) -> Tensor:
        """Class mass of all ranks' scores without padding samples, ``(C,)`` float64."""
        scores = torch.cat(self._scores)
        check_enough_samples(size, scores.shape[1])
        mass = scores[self._positions(len(scores)) < size].sum(
            dim=0, dtype=torch.float64
        )
        all_reduce(mass)
        return mass

    def _positions(self, number: int) -> Tensor:
        """Place in the data set of each sample of this rank, ``(number,)``."""
        rank, world_size = get_dist_info()
        # MMEngine gives sample i of the data set to rank i % world_size; its
        # `collect_results` relies on that, too.
        return torch.arange(number) * world_size + rank

    def _transformed(self, class_mass: Tensor | None) -> Iterator[list[dict]]:
        for scores, samples in zip(self._scores, self._samples, strict=True):
            new_scores = self.steps.rebalance_and_scale(scores, class_mass)
            for sample, score in zip(samples, new_scores, strict=True):
                sample['pred_score'] = score
                sample['pred_label'] = score.argmax().reshape(1)
            yield samples


def _single_label(sample: dict, num_classes: int) -> int:
    """Label of a sample; the number of classes if it does not have one valid label."""
    label = sample.get('gt_label')
    if isinstance(label, Tensor) and label.numel() == 1 and 0 <= label < num_classes:
        return int(label)
    return num_classes


@EVALUATOR.register_module()
class RebalancingEvaluator(PostHocEvaluator):
    """Gather a test set's scores, re-balance them, then compute the metrics.

    It is :class:`PostHocEvaluator` with the strength of re-balancing named ``tau``
    (arXiv 2403.09036, section 3.3).

    Args:
        metrics: configs of the metrics.
        tau: strength, 0 or more. Choose it on validation data
            (``mmgala test --tau auto``).
        class_mass: class mass fitted earlier, ``(C,)``. Defaults to that of the test
            set itself.
        target_prior: class shares of the test set, ``(C,)`` with sum 1, or
            ``'train'``: those of the training set. Defaults to balanced.
        **steps: other steps, see :class:`PostHocEvaluator`.

    Raises:
        ValueError: see :class:`PostHocEvaluator`.
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
