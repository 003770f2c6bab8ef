"""Hook that provides class counts and shot thresholds of the training set."""

from typing import Any

from mmengine.evaluator import Evaluator
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn

from mmgala.datasets.labels import count_images_and_draws
from mmgala.engine.data_report import (
    report_counts,
    report_remarks,
    require_monitored_groups,
)
from mmgala.engine.hooks.class_names_hook import ClassNamesHook
from mmgala.engine.resumed_data import require_same_counts
from mmgala.evaluation.shot_thresholds import (
    checkpoint_thresholds,
    metrics_with_thresholds,
    prefer_config,
    read_thresholds,
    stated_thresholds,
    thresholds_meta,
)
from mmgala.functional import ShotThresholds
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.checkpoint_meta import (
    counts_meta,
    stored_class_counts,
    stored_class_draws,
)


@HOOKS.register_module()
class ClassCountsHook(ClassNamesHook):
    """Count the training samples of each class and pass the counts on.

    * Before training, labels are validated. One out of range stops the run with the
      index of its sample, rather than with a device-side assertion hours later.
    * Labels of every data set mean the training classes, by name; the model has as many
      classes: see :class:`ClassNamesHook`.
    * A table of what was counted is logged, and what is odd about the data; see
      :func:`mmgala.datasets.data_check.check_data`.
    * A resumed training has to have the class counts and draws of its checkpoint.
    * A training set smaller than a batch is rejected, as with ``drop_last`` the
      training would end without a single step and without an error.
    * Checkpoints store the counts as ``meta['class_counts']``. These are distinct
      images: those that wrappers of the training set repeat, or that several of its
      parts contain, count once.
    * Metrics get them as ``dataset_meta['class_counts']``, both in validation and in a
      test from a checkpoint. They take precedence over those of the test set.
    * Modules with a method ``set_class_counts``, such as ``EqualizationLoss``, get the
      samples of an epoch (draws) before the first step; see
      :class:`mmgala.datasets.labels.ClassCounts` for the reason. Where they differ from
      the counts, they are stored and passed on beside them, as ``'class_draws'``.

    The shot thresholds are passed on in the same places, as ``'shot_thresholds'``. They
    are those stated in the config, by this hook or a metric. In a test, a config that
    states none uses those of the checkpoint.

    In detection data sets, instances are counted; see
    :func:`mmgala.datasets.count_classes`.

    Args:
        many: classes with more training samples are many-shot. Defaults to what the
            metrics state or, without any, to the default of
            :class:`mmgala.functional.ShotThresholds`.
        few: classes with fewer training samples are few-shot; likewise.

    Raises:
        ValueError: if a training label is out of range, an epoch has no batch, a
            resumed training has other data, or the config states two different shot
            thresholds.
    """

    shot_thresholds: ShotThresholds | None = None

    def __init__(self, many: int | None = None, few: int | None = None) -> None:
        self.class_counts: list[int] | None = None
        self.class_draws: list[int] | None = None
        self.shot_thresholds = ShotThresholds.from_arguments(many, few)
        self._of_training: ShotThresholds | None = None
        self._of_checkpoint: ShotThresholds | None = None
        self._checkpoint_meta: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Validate and count the training labels, and pass the counts on."""
        _require_batches(runner)
        loaders = [runner.train_dataloader]
        if runner.val_loop is not None:
            loaders.append(runner.val_dataloader)
        report_remarks(runner, *(loader.dataset for loader in loaders))
        super().before_train(runner)
        self._of_training = training_thresholds(runner)
        model = unwrap_model(runner.model)
        head = getattr(model, 'head', None)
        counted = count_images_and_draws(
            runner.train_dataloader.dataset, getattr(head, 'num_classes', None)
        )
        if runner.iter > 0:  # resumed
            path = runner._load_from or runner.work_dir
            require_same_counts(self._checkpoint_meta, path, counted, self.classes)
        self.class_counts, self.class_draws = counted.images, counted.draws
        report_counts(runner, counted, self._of_training)
        require_monitored_groups(runner, counted, self._of_training)
        self._set_class_counts(model)
        if runner.val_loop is not None:
            self._pass_on(runner, runner.val_evaluator)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save class names, counts and thresholds."""
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['meta'].update(counts_meta(self.class_counts, self.class_draws))
        thresholds = self._of_training or self._of_checkpoint
        if thresholds is not None:
            checkpoint['meta'].update(thresholds_meta(thresholds))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore counts and thresholds, even if the training had no such hook."""
        super().after_load_checkpoint(runner, checkpoint)
        self.class_counts = stored_class_counts(checkpoint)
        self.class_draws = stored_class_draws(checkpoint)
        self._of_checkpoint = checkpoint_thresholds(checkpoint)
        self._checkpoint_meta = checkpoint.get('meta') or {}

    def before_val(self, runner: Runner) -> None:
        """Pass names, counts and thresholds to the validation metrics."""
        super().before_val(runner)
        self._pass_on(runner, runner.val_evaluator)

    def before_test(self, runner: Runner) -> None:
        """Check the test set; pass names, counts and thresholds to its metrics."""
        report_remarks(runner, runner.test_dataloader.dataset)
        super().before_test(runner)
        self._pass_on(runner, runner.test_evaluator)

    def _set_class_counts(self, model: nn.Module) -> None:
        for module in model.modules():
            set_class_counts = getattr(module, 'set_class_counts', None)
            if set_class_counts is not None:
                set_class_counts(self.class_draws)

    def _pass_on(self, runner: Runner, evaluator: Evaluator) -> None:
        meta = dict(evaluator.dataset_meta or {})
        meta.pop('class_draws', None)
        meta.update(counts_meta(self.class_counts, self.class_draws))
        thresholds = self._of_training or self._tested_with(runner, evaluator)
        if thresholds is not None:
            meta.update(thresholds_meta(thresholds))
        evaluator.dataset_meta = meta

    def _tested_with(
        self, runner: Runner, evaluator: Evaluator
    ) -> ShotThresholds | None:
        """Thresholds of a test without training; the config takes precedence."""
        stated = stated_thresholds([*runner.hooks, *evaluator.metrics])
        return prefer_config(stated, self._of_checkpoint)


def training_thresholds(runner: Runner) -> ShotThresholds:
    """Shot thresholds of a training.

    Thresholds stated in the config, by a hook or metric, take precedence over those
    of the training set, and these over the defaults.

    Raises:
        ValueError: if the config states two different thresholds.
    """
    metrics = metrics_with_thresholds(runner.cfg.get('test_evaluator'))
    if runner.val_loop is not None:
        metrics += runner.val_evaluator.metrics
    stated = stated_thresholds([*runner.hooks, *metrics])
    metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', None)
    return stated or read_thresholds(metainfo) or ShotThresholds()


def _require_batches(runner: Runner) -> None:
    loader = runner.train_dataloader
    # An infinite sampler continues its batches across epochs.
    if isinstance(runner.train_loop, EpochBasedTrainLoop) and len(loader) == 0:
        raise ValueError(
            f'The training set has {len(loader.dataset)} samples, too few for a batch '
            f'of {loader.batch_size} on each rank, and drop_last skips incomplete '
            'batches: reduce train_dataloader.batch_size, or set '
            'train_dataloader.drop_last=False.'
        )
