"""Hook that sums the statistics of losses over the ranks after each step."""

from typing import Any

from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner

from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model


@HOOKS.register_module()
class ReduceStatisticsHook(Hook):
    """Reduce the statistics of losses on all ranks, whether or not a loss was called.

    A detector skips a head and its loss if a batch has no objects for it, so that a
    reduction inside the loss would deadlock. Instead, losses with ``defer_reduction``
    are reduced by this hook, all in one call after each step, before checkpoints are
    saved::

        custom_hooks = [dict(type='mmgala.ReduceStatisticsHook')]

    ``mmgala train`` adds it to every config with ``default_scope = 'mmdet'``.
    """

    priority = 'ABOVE_NORMAL'  # runs before EMAHook copies the buffers

    def before_train(self, runner: Runner) -> None:
        """Find the losses and take over their reduction."""
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
        """Reduce the pending statistics."""
        all_reduce_params([loss.pending for loss in self._losses])
        for loss in self._losses:
            loss.take_pending()

    def after_train(self, runner: Runner) -> None:
        """Return the reduction to the losses."""
        for loss in self._losses:
            loss.defer_reduction(False)
