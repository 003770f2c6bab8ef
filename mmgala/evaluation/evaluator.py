"""Evaluators that apply post-hoc steps before they compute any metrics."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmgala.evaluation.score_blocks import FirstScores, MappedScores, class_mass_of
from mmgala.evaluation.score_dump import stack_scores
from mmgala.evaluation.score_store import ScoreStore, check_storage
from mmgala.functional.checks import check_finite_scores
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.functional.prior_check import (
    PriorContradiction,
    contradicted_prior,
    prior_warning,
)
from mmgala.functional.rebalance import check_enough_samples
from mmgala.names import RECOMPUTE
from mmgala.registry import EVALUATOR
from mmgala.utils.chunks import row_slices

VALUES_AT_ONCE = 2**20  # of the scores that are transformed together


class PredictionSource(Protocol):
    """Predicts a test set once more; :class:`mmgala.engine.ScoreStorageHook` has it.

    Attributes:
        num_samples: length of the test set, without padding samples.
    """

    num_samples: int

    def predict(self) -> Iterator[Sequence[BaseDataElement]]:
        """Batches of predictions, those of the test loop."""


@EVALUATOR.register_module()
class PostHocEvaluator(Evaluator):
    """Gather a test set's scores, apply post-hoc steps, then compute the metrics.

    The model itself is not changed. If the class mass is that of the test set, scores
    are kept until the last sample has been predicted, and then read twice, block by
    block: for the class mass of all ranks, and to transform this rank's own. Otherwise
    nothing is kept: each batch is transformed at once. ``pred_score`` and
    ``pred_label`` of each sample are replaced; the metrics receive no ``data_batch``.

    Args:
        metrics: configs of the metrics.
        storage: where the scores are kept. ``'memory'`` and ``'file'``, a temporary
            file, are exact and need ``4 N C`` bytes; ``'half'`` and ``'half-file'``
            need half of it: a class whose score after re-balancing is within 1 % of the
            best may win instead. ``'auto'`` is ``'memory'`` up to 256 MiB, and then
            ``'file'``. ``'recompute'`` keeps nothing and predicts the test set twice;
            it needs :class:`mmgala.engine.ScoreStorageHook`.
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
        self,
        metrics: dict | BaseMetric | Sequence,
        storage: str = 'auto',
        **steps: Any,
    ) -> None:
        super().__init__(metrics)
        if storage != RECOMPUTE:
            check_storage(storage)
        self.storage = storage
        self.source: PredictionSource | None = None
        self.steps = PostHocSteps.from_config(**steps)
        self.contradiction: PriorContradiction | None = None
        self.logs_contradiction = True
        self._reset()

    def _reset(self) -> None:
        self._labels: list[int] = []
        self._samples: deque[dict] = deque()
        self._num_classes: int | None = None
        self._num_seen = 0  # by the first pass of `recompute`
        self._mass: Tensor | None = None
        self._store = ScoreStore('auto' if self.recomputes else self.storage)

    @property
    def recomputes(self) -> bool:
        """Whether the test set is predicted twice, instead of keeping scores."""
        return self.storage == RECOMPUTE and self.needs_all_scores

    @property
    def keeps_scores(self) -> bool:
        """Whether the scores of all samples are stored."""
        return self.needs_all_scores and not self.recomputes

    @property
    def needs_all_scores(self) -> bool:
        """Whether no sample can be transformed before all are predicted."""
        return self.steps.rebalancing is not None and self.steps.class_mass is None

    def process(
        self, data_samples: Sequence[BaseDataElement], data_batch: Any = None
    ) -> None:
        """Transform a batch of predictions, or keep it."""
        samples = _as_dicts(data_samples)
        if not samples:
            return
        scores = stack_scores(samples).float().cpu()
        check_finite_scores(scores.sum(dim=1))
        if self._num_classes is None:  # fail before the whole test set is predicted
            self._take_class_counts()
            self._num_classes = scores.shape[1]
            self.steps.check_num_classes(self._num_classes)
        if self.steps.assumes_prior:
            self._labels += [_single_label(s, scores.shape[1]) for s in samples]
        if not self.needs_all_scores:
            self._pass_on(samples, scores, self.steps.class_mass)
        elif self.recomputes:
            self._add_mass(scores)
        else:
            for sample in samples:  # one copy is enough, and not on the accelerator
                del sample['pred_score']
                sample.pop('pred_label', None)
            self._store.append(scores)
            self._samples.extend(samples)

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
        self.contradiction = self._contradiction(size)
        if self.needs_all_scores:
            mass = self._transductive_mass(size)
            for samples, scores in self._predicted():
                self._pass_on(samples, scores, mass)
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
        if not self.steps.assumes_prior or self._num_classes is None:
            return None
        num_classes = self._num_classes
        labels = torch.tensor(self._labels)
        labels = labels[: self._number_of_own(size)]
        # The last entry counts samples without a label.
        support = labels.bincount(minlength=num_classes + 1).double()
        all_reduce(support)
        if support[-1] > 0:
            return None
        return contradicted_prior(support[:-1], self.steps.prior)

    def _transductive_mass(self, size: int) -> Tensor:
        """Class mass of all ranks' scores without padding samples, ``(C,)`` float64."""
        check_enough_samples(size, self._num_classes or 0)
        mass = self._mass
        if mass is None:
            own = FirstScores(self._store, self._number_of_own(size))
            mass = class_mass_of(MappedScores(own, self.steps.adjust_for_counts))
        all_reduce(mass)
        return mass

    def _add_mass(self, scores: Tensor) -> None:
        """Add a batch to the class mass; later samples pad the last batch."""
        if self.source is None:
            raise ValueError(
                "storage='recompute' predicts the test set twice, which needs a hook: "
                "add custom_hooks=[dict(type='mmgala.ScoreStorageHook')] to the config."
            )
        left = self._number_of_own(self.source.num_samples) - self._num_seen
        adjusted = self.steps.adjust_for_counts(scores[: max(left, 0)])
        mass = adjusted.sum(dim=0, dtype=torch.float64)
        self._mass = mass if self._mass is None else self._mass + mass
        self._num_seen += len(scores)

    def _predicted(self) -> Iterator[tuple[list[dict], Tensor]]:
        """All samples again, with their scores before the steps."""
        if self.recomputes:
            assert self.source is not None  # the first pass has checked it
            for batch in self.source.predict():
                samples = _as_dicts(batch)
                yield samples, stack_scores(samples).float().cpu()
            return
        for _, part in self._store.parts():
            for rows in row_slices(len(part), part.shape[1], VALUES_AT_ONCE):
                scores = part[rows]
                yield [self._samples.popleft() for _ in scores], scores

    def _pass_on(
        self, samples: list[dict], scores: Tensor, class_mass: Tensor | None
    ) -> None:
        """Transform predictions, and give them to the metrics."""
        adjusted = self.steps.adjust_for_counts(scores)
        changed = self.steps.rebalance_and_scale(adjusted, class_mass)
        for sample, score in zip(samples, changed, strict=True):
            sample['pred_score'] = score
            sample['pred_label'] = score.argmax().reshape(1)
        super().process(samples)

    def _number_of_own(self, size: int) -> int:
        """Number of samples of this rank in a data set, without padding."""
        rank, world_size = get_dist_info()
        # MMEngine gives sample i of the data set to rank i % world_size; its
        # `collect_results` relies on that, too.
        return max(0, -(-(size - rank) // world_size))


def _as_dicts(samples: Sequence[BaseDataElement]) -> list[dict]:
    return [s.to_dict() if isinstance(s, BaseDataElement) else dict(s) for s in samples]


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
        **steps: ``storage`` and other steps, see :class:`PostHocEvaluator`.

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
