"""What a training or test says about its data before the first step."""

from typing import Any

from mmengine.runner import Runner

from mmgala.datasets.data_check import check_data
from mmgala.datasets.data_summary import summary_table
from mmgala.datasets.labels import ClassCounts, class_names, is_detection_dataset
from mmgala.engine.metric_rules import monitors
from mmgala.evaluation import LongTailedAccuracy
from mmgala.functional import ShotThresholds


def report_counts(
    runner: Runner, counts: ClassCounts, thresholds: ShotThresholds
) -> None:
    """Log a table of what was counted in the training set."""
    dataset = runner.train_dataloader.dataset
    unit = 'instances' if is_detection_dataset(dataset) else 'images'
    table = summary_table(counts, thresholds, class_names(dataset), unit)
    runner.logger.info(f'What was counted:\n\n{table}\n')


def require_monitored_groups(
    runner: Runner, counts: ClassCounts, thresholds: ShotThresholds
) -> None:
    """Check that no metric of an empty shot group decides on checkpoints.

    Raises:
        ValueError: if ``save_best`` or another monitor names a group without classes.
    """
    empty = thresholds.empty_groups(counts.images)
    if not empty or runner.val_loop is None:
        return
    kinds = map(type, runner.val_evaluator.metrics)
    if not all(issubclass(kind, LongTailedAccuracy) for kind in kinds):
        return
    for monitor in monitors(runner.cfg):
        for name in monitor.names:
            if (group := name.rpartition('/')[2]) in empty:
                raise ValueError(
                    f'{monitor.place}={name!r} has no value: of {len(counts.images)} '
                    f'training classes, none is {group}-shot ({thresholds}). Choose '
                    'another metric, such as accuracy/class_mean, or set `many` and '
                    '`few` of the metric.'
                )


def report_remarks(runner: Runner, *datasets: Any) -> None:
    """Log what is odd about data sets, each remark once.

    Raises:
        ValueError: see :func:`mmgala.datasets.data_check.check_data`.
    """
    remarks = (remark for dataset in datasets for remark in check_data(dataset))
    for remark in dict.fromkeys(remarks):
        runner.logger.warning(remark)
