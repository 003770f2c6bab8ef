"""Hook that provides the class counts of the training set."""

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmgala.datasets import count_classes
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint import stored_class_counts, unwrap_model


@HOOKS.register_module()
class ClassCountsHook(Hook):
    """Count the training samples of each class and pass the counts on.

    * Before training, labels are validated. One out of range stops the run with the
      index of its sample, rather than with a device-side assertion hours later.
    * A training set smaller than a batch is rejected, as with ``drop_last`` the
      training would end without a single step and without an error.
    * Modules with a method ``set_class_counts``, such as ``EqualizationLoss``, get the
      counts before the first step.
    * Checkpoints store the counts as ``meta['class_counts']``.
    * Metrics get them as ``dataset_meta['class_counts']``, both in validation and in a
      test from a checkpoint. They take precedence over those of the test set.

    In detection data sets, instances are counted; see
    :func:`mmgala.datasets.count_classes`.

    Raises:
        ValueError: if a training label is out of range, or an epoch has no batch.
    """

    def __init__(self) -> None:
        self.class_counts: list[int] | None = None

    def before_train(self, runner: Runner) -> None:
        """Validate and count the training labels, and pass the counts on."""
        _require_batches(runner)
        model = unwrap_model(runner.model)
        head = getattr(model, 'head', None)
        self.class_counts = count_classes(
            runner.train_dataloader.dataset, getattr(head, 'num_classes', None)
        )
        for module in model.modules():
            set_class_counts = getattr(module, 'set_class_counts', None)
            if set_class_counts is not None:
                set_class_counts(self.class_counts)
        if runner.val_loop is not None:
            self._pass_on(runner.val_evaluator)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the counts."""
        if self.class_counts is not None:
            checkpoint['meta']['class_counts'] = self.class_counts

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the counts, even if this hook was not used in training."""
        self.class_counts = stored_class_counts(checkpoint)

    def before_val(self, runner: Runner) -> None:
        """Pass the counts to the validation metrics."""
        self._pass_on(runner.val_evaluator)

    def before_test(self, runner: Runner) -> None:
        """Pass the counts to the test metrics."""
        self._pass_on(runner.test_evaluator)

    def _pass_on(self, evaluator: Evaluator) -> None:
        if self.class_counts is not None:
            meta = evaluator.dataset_meta or {}
            evaluator.dataset_meta = {**meta, 'class_counts': self.class_counts}


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
