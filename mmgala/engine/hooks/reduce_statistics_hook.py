"""Sum the statistics of losses over the ranks at the end of each step."""

from typing import Any

from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner

from mmgala.registry import HOOKS
from mmgala.utils.checkpoint import unwrap_model


@HOOKS.register_module()
class ReduceStatisticsHook(Hook):
    """Let every rank take part in every reduction, whatever its batch held.

    A detector skips a head, and so its loss, where an image gives it nothing to do. A
    reduction inside the loss would then hang. Losses that accumulate over the ranks
    (those with ``defer_reduction``) leave it to this hook: one reduction for all of
    them, after each step and before a checkpoint is saved::

        custom_hooks = [dict(type='mmgala.ReduceStatisticsHook')]

    ``tools/train.py`` adds it to each config of MMDetection's scope.
    """

    priority = 'ABOVE_NORMAL'  # before a moving average copies the buffers

    def before_train(self, runner: Runner) -> None:
        """Find the losses."""
        self._losses: list[Any] = [
            module
            for module in unwrap_model(runner.model).modules()
            if hasattr(module, 'defer_reduction')
        ]
        for loss in self._losses:
            loss.defer_reduction()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: dict | None = None,
    ) -> None:
        """Reduce what the losses have pending."""
        all_reduce_params([loss.pending for loss in self._losses])
        for loss in self._losses:
            loss.take_pending()

    def after_train(self, runner: Runner) -> None:
        """Let the losses reduce by themselves again."""
        for loss in self._losses:
            loss.defer_reduction(False)
