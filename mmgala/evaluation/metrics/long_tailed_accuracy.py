"""Accuracy on the head, the middle and the tail."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor
from torchmetrics.functional.classification import binary_calibration_error

from mmgala.evaluation.score_dump import stack_scores, stack_targets
from mmgala.functional import shot_groups
from mmgala.registry import METRICS


@METRICS.register_module()
class LongTailedAccuracy(BaseMetric):
    """Accuracies that show what a long tail does, in percent.

    * ``top1``, ``top5``, ...: over all samples;
    * ``many``, ``medium``, ``few``: mean accuracy of the classes with more than
      ``many``, between, and fewer than ``few`` *training* samples. A group without
      classes is left out;
    * ``class_mean``: mean of all classes' accuracies; ``worst_class``: the lowest;
    * ``ece``: expected calibration error (Guo et al., ICML 2017) of the top-1 score.

    The training counts come from ``metainfo['class_counts']``, of the data set or, by
    :class:`mmgala.engine.ClassCountsHook`, of the checkpoint. Classes without test
    samples have no accuracy.

    Args:
        topk: the k of each top-k accuracy.
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.
        num_bins: bins of the calibration error.
        collect_device: see MMEngine's ``BaseMetric``.
        prefix: of the metrics' names.

    Raises:
        ValueError: if predictions have no ``pred_score`` or ground truths not exactly
            one label.
    """

    default_prefix = 'accuracy'

    def __init__(
        self,
        topk: int | Sequence[int] = (1,),
        many: int = 100,
        few: int = 20,
        num_bins: int = 15,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        if not self.topk or min(self.topk) < 1:
            raise ValueError(f'Expected every k of `topk` to be 1 or more, got {topk}.')
        shot_groups([], many, few)  # checks the limits
        self.many = many
        self.few = few
        self.num_bins = num_bins

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep four numbers of each sample: never all of its scores."""
        if not data_samples:
            return
        scores, target = stack_scores(data_samples), stack_targets(data_samples)
        num_classes = scores.shape[1]
        bad = target[(target < 0) | (target >= num_classes)]
        if len(bad):
            raise ValueError(
                f'Expected labels between 0 and {num_classes - 1} in the test set, as '
                f'the model has {num_classes} classes, but got {int(bad[0])}.'
            )
        self.results += zip(
            target.tolist(),
            scores.max(dim=1).values.tolist(),
            _rank_of_target(scores, target).tolist(),
            [num_classes] * len(scores),
            strict=True,
        )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Form the accuracies from all ranks' samples."""
        columns = [np.array(column) for column in zip(*results, strict=True)]
        target, confidence, rank, num_classes = columns
        correct = rank == 0
        support = np.bincount(target, minlength=num_classes[0])
        hits = np.bincount(target, weights=correct, minlength=num_classes[0])
        per_class = np.full(len(support), np.nan)
        np.divide(100.0 * hits, support, out=per_class, where=support > 0)

        metrics = {f'top{k}': 100.0 * float((rank < k).mean()) for k in self.topk}
        for name, classes in self._groups(len(support)).items():
            accuracies = per_class[classes]
            if not np.isnan(accuracies).all():
                metrics[name] = float(np.nanmean(accuracies))
        metrics['class_mean'] = float(np.nanmean(per_class))
        metrics['worst_class'] = float(np.nanmin(per_class))
        ece = binary_calibration_error(
            # torchmetrics gives a confidence of exactly 1 a bin of its own.
            torch.from_numpy(confidence).clamp(0, 1 - 1e-12),
            torch.from_numpy(correct).long(),
            n_bins=self.num_bins,
        )
        metrics['ece'] = 100.0 * float(ece)
        return metrics

    def _groups(self, num_classes: int) -> dict[str, np.ndarray]:
        counts = (self.dataset_meta or {}).get('class_counts')
        if counts is None:
            print_log(
                'No many/medium/few accuracy: the training counts are unknown. Wrap '
                'the training set with mmgala.LongTailedDataset, or add '
                "custom_hooks=[dict(type='mmgala.ClassCountsHook')] and train.",
                logger='current',
                level=logging.WARNING,
            )
            return {}
        if len(counts) != num_classes:
            raise ValueError(
                f'The training set counts {len(counts)} classes, but the scores have '
                f'{num_classes}.'
            )
        groups = shot_groups(counts, self.many, self.few)
        names = ('many', 'medium', 'few')
        return {n: g.numpy() for n, g in zip(names, groups, strict=True) if len(g)}


def _rank_of_target(scores: Tensor, target: Tensor) -> Tensor:
    """Number of classes ahead of the true one; of equal scores, the first is ahead."""
    index = target[:, None]
    own = scores.gather(1, index)
    earlier = torch.arange(scores.shape[1], device=scores.device) < index
    # Not `scores > own`: the scores of a diverged model, NaN, are no hits.
    return (~(scores <= own) | ((scores == own) & earlier)).sum(dim=1)
