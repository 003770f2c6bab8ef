"""Hook that ends a training that has diverged."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner

from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import broken_weights, unwrap_model

REMEDY = (
    'Lower the learning rate (optim_wrapper.optimizer.lr), clip the gradients '
    '(optim_wrapper.clip_grad.max_norm=1), or look for broken images and labels; then '
    'train again, or --resume from an earlier checkpoint.'
)


@HOOKS.register_module()
class DivergenceHook(Hook):
    """End a training whose loss or weights are not finite, before they are saved.

    Each rank checks its loss after each step. MMEngine's ``RuntimeInfoHook`` has read
    it from the device by then, so the check costs no time. Weights are checked
    before they are written to a checkpoint: those of the last step may be broken though
    its loss, computed before, is finite.

    In mixed precision with a loss scale, PyTorch skips steps whose gradients overflow
    and goes on with a smaller scale. There, some steps in a row may have a loss that is
    not finite.

    Args:
        tolerance: number of such steps in a row that a loss scale may skip.

    Raises:
        ValueError: in training, after a step whose loss is not finite, and before a
            checkpoint with weights that are not finite.
    """

    priority = 'HIGH'  # after RuntimeInfoHook, before hooks that use the step or save

    def __init__(self, tolerance: int = 20) -> None:
        self.tolerance = tolerance
        self._in_a_row = 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the loss of the step."""
        total = ['loss'] if 'loss' in (outputs or {}) else None
        if not _not_finite(runner, outputs or {}, total):
            self._in_a_row = 0
            return
        self._in_a_row += 1
        scaled = isinstance(runner.optim_wrapper, AmpOptimWrapper)
        if self._in_a_row <= (self.tolerance if scaled else 0):
            return
        found = _not_finite(runner, outputs or {}) or {}
        values = ', '.join(f'{name} is {value}' for name, value in found.items())
        raise ValueError(
            f'The training has diverged after {runner.iter + 1} steps (epoch '
            f'{runner.epoch + 1}): {values}. {REMEDY}'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the weights."""
        names = broken_weights(checkpoint['state_dict'], unwrap_model(runner.model))
        if names:
            raise ValueError(
                f'The training has diverged after {runner.iter} steps: {names[0]} and '
                f'{len(names) - 1} other weights are not finite, so no checkpoint is '
                f'written. {REMEDY}'
            )


def _not_finite(
    runner: Runner, outputs: Mapping[str, Any], names: list[str] | None = None
) -> dict[str, float]:
    """Losses of the step that are not finite; by default, all losses are checked."""
    if names is None:
        names = [name for name in outputs if 'loss' in name]
    scalars = runner.message_hub.log_scalars
    values = {}
    for name in names:
        buffer = scalars.get(f'train/{name}')
        values[name] = float(outputs[name] if buffer is None else buffer.current())
    return {name: v for name, v in values.items() if not math.isfinite(v)}


def add_divergence_hook(runner: Runner) -> None:
    """Add the hook to a runner whose config does not have it."""
    if not any(isinstance(hook, DivergenceHook) for hook in runner.hooks):
        runner.register_hook(DivergenceHook())
