"""Bring the training set's class counts to where they are needed."""

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmgala.datasets import count_classes
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint import stored_class_counts, unwrap_model


@HOOKS.register_module()
class ClassCountsHook(Hook):
    """Count the training classes, check every label, and hand the counts on.

    * before training, labels are checked: one out of range stops the run with the
      sample's number, instead of a device-side assertion hours later;
    * so is whether an epoch has a batch: with ``drop_last``, a training set that is
      smaller than one would end without a single step, and without an error;
    * modules with a method ``set_class_counts``, as ``EqualizationLoss`` has it, get
      the counts before the first step;
    * checkpoints keep the counts as ``meta['class_counts']``;
    * metrics find them in ``dataset_meta['class_counts']``, in validation as in a
      test from a checkpoint alone; they go before counts that a test set brings.

    Of detection data sets, instances are counted; see
    :func:`mmgala.datasets.count_classes`.

    Raises:
        ValueError: if a training label is out of range, or an epoch has no batch.
    """

    def __init__(self) -> None:
        self.class_counts: list[int] | None = None

    def before_train(self, runner: Runner) -> None:
        """Check and count the training set's labels."""
        _require_a_batch(runner)
        model = unwrap_model(runner.model)
        head = getattr(model, 'head', None)
        self.class_counts = count_classes(
            runner.train_dataloader.dataset, getattr(head, 'num_classes', None)
        )
        for module in model.modules():
            take = getattr(module, 'set_class_counts', None)
            if take is not None:
                take(self.class_counts)
        if runner.val_loop is not None:
            self._hand_on(runner.val_evaluator)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the counts."""
        if self.class_counts is not None:
            checkpoint['meta']['class_counts'] = self.class_counts

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the counts, also from a training without this hook."""
        self.class_counts = stored_class_counts(checkpoint)

    def before_val(self, runner: Runner) -> None:
        """Hand the counts to the validation metrics."""
        self._hand_on(runner.val_evaluator)

    def before_test(self, runner: Runner) -> None:
        """Hand the counts to the test metrics."""
        self._hand_on(runner.test_evaluator)

    def _hand_on(self, evaluator: Evaluator) -> None:
        if self.class_counts is not None:
            meta = evaluator.dataset_meta or {}
            evaluator.dataset_meta = {**meta, 'class_counts': self.class_counts}


def _require_a_batch(runner: Runner) -> None:
    loader = runner.train_dataloader
    # A sampler without an end fills its batches from one epoch to the next.
    if isinstance(runner.train_loop, EpochBasedTrainLoop) and len(loader) == 0:
        raise ValueError(
            f'The training set has {len(loader.dataset)} samples, too few for a batch '
            f'of {loader.batch_size} on each rank, and drop_last skips incomplete '
            'batches: set a smaller train_dataloader.batch_size, or '
            'train_dataloader.drop_last=False.'
        )
