"""Metric of accuracy on the head, the middle and the tail of the classes."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmgala.evaluation.score_dump import stack_scores, stack_targets
from mmgala.evaluation.shot_thresholds import read_thresholds
from mmgala.functional.longtail import SHOT_GROUPS, ShotThresholds
from mmgala.functional.metrics import (
    DEFAULT_BINS,
    SampleOutcomes,
    check_topk,
    metrics_of_outcomes,
    sample_outcomes,
)
from mmgala.registry import METRICS


@METRICS.register_module()
class LongTailedAccuracy(BaseMetric):
    """Accuracy over samples, classes and shot groups, and calibration, in percent.

    The metrics are those of :func:`mmgala.functional.long_tailed_metrics`: ``top1``,
    ``many``, ``medium``, ``few``, ``class_mean``, ``worst_class`` and ``ece``.

    The training counts come from ``metainfo['class_counts']``, of the data set or, by
    :class:`mmgala.engine.ClassCountsHook`, of the checkpoint; the shot thresholds from
    ``metainfo['shot_thresholds']`` beside them. A group without classes, or without
    test samples, has no metric; the log names it.

    Args:
        topk: the values of k of the top-k accuracies, at most the number of classes.
        many: classes with more training samples are many-shot. Defaults to the
            threshold in the checkpoint or the data set, or else of
            :class:`mmgala.functional.ShotThresholds`.
        few: classes with fewer training samples are few-shot; likewise.
        num_bins: bins of the calibration error.
        collect_device: see MMEngine's ``BaseMetric``.
        prefix: prefix of the names of the metrics.

    Attributes:
        shot_thresholds: thresholds given as arguments; ``None`` if there are none.

    Raises:
        ValueError: if a prediction has neither ``pred_score`` nor ``label_rank`` (see
            :class:`mmgala.models.ShardedClsHead`), scores of a sample are not
            finite, a sample does not have exactly one label, or a k of ``topk`` exceeds
            the number of classes (before training, if the data set names its classes).
    """

    default_prefix = 'accuracy'
    shot_thresholds: ShotThresholds | None = None

    def __init__(
        self,
        topk: int | Sequence[int] = (1,),
        many: int | None = None,
        few: int | None = None,
        num_bins: int = DEFAULT_BINS,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        check_topk(self.topk)
        self.shot_thresholds = ShotThresholds.from_arguments(many, few)
        self.num_bins = num_bins
        self._reasons: tuple[str, ...] = ()

    @property
    def dataset_meta(self) -> dict | None:
        """Meta information of the data set."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: dict) -> None:
        self._dataset_meta = meta
        if names := (meta or {}).get('classes'):
            check_topk(self.topk, len(names))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store four numbers per sample instead of all its scores."""
        if not data_samples:
            return
        if all('label_rank' in sample for sample in data_samples):
            outcomes, num_classes = _shared_out_outcomes(data_samples)
        else:
            scores, target = stack_scores(data_samples), stack_targets(data_samples)
            outcomes = sample_outcomes(scores, target.to(scores.device))
            num_classes = scores.shape[1]
        columns = (column.tolist() for column in outcomes)
        self.results += zip(*columns, [num_classes] * len(data_samples), strict=True)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics of the samples of all ranks."""
        target, rank, confidence, num_classes = zip(*results, strict=True)
        outcomes = SampleOutcomes(
            torch.tensor(target),
            torch.tensor(rank),
            torch.tensor(confidence, dtype=torch.float64),
        )
        meta = self.dataset_meta or {}
        if meta.get('class_counts') is None:
            _warn_about_unknown_counts()
        thresholds = self.shot_thresholds or read_thresholds(meta) or ShotThresholds()
        metrics = metrics_of_outcomes(
            outcomes,
            num_classes[0],
            meta.get('class_counts'),
            topk=self.topk,
            thresholds=thresholds,
            num_bins=self.num_bins,
        )
        if meta.get('class_counts') is not None:
            self._name_missing_groups(metrics, thresholds, meta['class_counts'])
        return metrics

    def _name_missing_groups(
        self,
        metrics: dict[str, float],
        thresholds: ShotThresholds,
        class_counts: Sequence[int],
    ) -> None:
        """Say, once, why shot groups have no accuracy."""
        empty = thresholds.empty_groups(class_counts)
        reasons = tuple(
            f'{name}: no classes' if name in empty else f'{name}: no test samples'
            for name in SHOT_GROUPS
            if name not in metrics
        )
        if reasons and reasons != self._reasons:
            print_log(
                f'No accuracy of these shot groups ({thresholds}): '
                f'{", ".join(reasons)}.',
                logger='current',
            )
        self._reasons = reasons


def _shared_out_outcomes(data_samples: Sequence[dict]) -> tuple[SampleOutcomes, int]:
    """Outcomes of a head that never has all scores of a sample; number of classes."""
    ranks = torch.cat([sample['label_rank'] for sample in data_samples])
    confidence = torch.stack([sample['topk_score'][0] for sample in data_samples])
    target = stack_targets(data_samples)
    outcomes = SampleOutcomes(target.to(ranks.device), ranks, confidence.double())
    return outcomes, data_samples[0]['num_classes']


def _warn_about_unknown_counts() -> None:
    print_log(
        'No many/medium/few accuracy: the training counts are unknown. Wrap the '
        'training set with mmgala.LongTailedDataset, or add '
        "custom_hooks=[dict(type='mmgala.ClassCountsHook')] and train.",
        logger='current',
        level=logging.WARNING,
    )
