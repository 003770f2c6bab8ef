"""Evaluate predictions after post-hoc steps, with any metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmgala.evaluation.score_dump import stack_scores
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.functional.rebalance import check_enough_samples, class_shares
from mmgala.registry import EVALUATOR


@EVALUATOR.register_module()
class PostHocEvaluator(Evaluator):
    """Gather a test set's scores, take the post-hoc steps, then run the metrics.

    The model does not know of it. Scores are kept on the CPU until the last sample
    is there, N x C float32 over all ranks; then each rank goes through its own part,
    re-balanced by the class mass of all. ``pred_score`` and ``pred_label`` of each
    sample are replaced; the metrics get no ``data_batch``.

    Any of the steps may be left out; their order is fixed, see
    :class:`mmgala.functional.post_hoc.PostHocSteps`.

    Args:
        metrics: configs of the metrics.
        logit_adjustment: ``tau`` of logit adjustment. Choose it, and the next two, on
            validation data (``auto`` of tools/test.py does).
        rebalancing: ``tau`` of prediction re-balancing.
        temperature: ``T`` of temperature scaling.
        class_counts: training samples of each class, ``(C,)``. Defaults to those of
            the checkpoint, which :class:`mmgala.engine.ClassCountsHook` hands on.
        class_mass: class mass fitted earlier, ``(C,)``. Defaults to that of the test
            set itself, which must then be whole and balanced.
        target_prior: class shares of the test set, ``(C,)`` with sum 1, or
            ``'train'``: those of the training set, from ``class_counts``. Defaults to
            balanced.

    Attributes:
        steps (PostHocSteps): may be replaced before the first batch.

    Raises:
        ValueError: on a wrong strength or vector, on unknown class counts that are
            needed, on predictions without scores, or on fewer samples than classes.
    """

    steps: PostHocSteps

    def __init__(
        self,
        metrics: dict | BaseMetric | Sequence,
        logit_adjustment: float | None = None,
        rebalancing: float | None = None,
        temperature: float | None = None,
        class_counts: Sequence[float] | None = None,
        class_mass: Sequence[float] | None = None,
        target_prior: Sequence[float] | Literal['train'] | None = None,
    ) -> None:
        super().__init__(metrics)
        self._prior_of_training = isinstance(target_prior, str)
        if isinstance(target_prior, str):
            if target_prior != 'train':
                raise ValueError(
                    "Expected `target_prior` to be 'train' or a number for each class, "
                    f'but got {target_prior!r}.'
                )
            target_prior = None  # until the class counts are there
        self.steps = PostHocSteps(
            logit_adjustment,
            rebalancing,
            temperature,
            class_counts=_vector(class_counts),
            class_mass=_vector(class_mass),
            target_prior=_vector(target_prior),
        )
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
        if not self._scores:  # before the whole test set has been run through
            self._take_class_counts()
            self.steps.check_num_classes(scores.shape[1])
        for sample in samples:
            del sample['pred_score']  # kept once, and off the accelerator
            sample.pop('pred_label', None)
        self._scores.append(scores)
        self._samples.append(samples)

    def _take_class_counts(self) -> None:
        counts = self.steps.class_counts
        if counts is None:
            counts = _vector((self.dataset_meta or {}).get('class_counts'))
        if self.steps.logit_adjustment is not None and counts is not None:
            self.steps = replace(self.steps, class_counts=counts)
        if not self._prior_of_training:
            return
        if counts is None:
            raise ValueError(
                "target_prior='train' needs the class counts of the training, and they "
                'are unknown: train with mmgala.ClassCountsHook, or give '
                '`class_counts`.'
            )
        self.steps = replace(self.steps, target_prior=class_shares(counts))

    def evaluate(self, size: int) -> dict:
        """Take the steps for all predictions and compute the metrics.

        Args:
            size: length of the test set; what samplers pad beyond it is not counted.
        """
        for index, scores in enumerate(self._scores):
            self._scores[index] = self.steps.adjust(scores)
        class_mass = self.steps.class_mass
        if self.steps.rebalancing is not None and class_mass is None:
            class_mass = self._transductive_mass(size)
        for samples in self._finished(class_mass):
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

    def _finished(self, class_mass: Tensor | None) -> Iterator[list[dict]]:
        for scores, samples in zip(self._scores, self._samples, strict=True):
            new_scores = self.steps.finish(scores, class_mass)
            for sample, score in zip(samples, new_scores, strict=True):
                sample['pred_score'] = score
                sample['pred_label'] = score.argmax().reshape(1)
            yield samples


def _vector(values: Sequence[float] | None) -> Tensor | None:
    return None if values is None else torch.as_tensor(values, dtype=torch.float64)


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
