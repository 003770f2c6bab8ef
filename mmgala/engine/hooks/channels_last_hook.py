"""Hook that trains with weights in channels-last memory format."""

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch.nn.parallel import DistributedDataParallel

from mmgala.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep 4-D weights and their optimizer state in ``torch.channels_last`` format.

    Convolutions are often faster in this format, especially in mixed precision. Values,
    shapes and names do not change. Images need no conversion, since a convolution with
    channels-last weights returns channels-last output, as do the layers after it.

    Checkpoints are saved in contiguous format, so they can be loaded with and without
    this hook.
    """

    priority = 'LOWEST'  # runs after all hooks that modify a checkpoint to be saved

    def before_run(self, runner: Runner) -> None:
        """Check that the weights can be converted.

        Raises:
            ValueError: if a model wrapper stores the weights in its own way, such as
                ``FullyShardedDataParallel``.
        """
        model = runner.model
        if is_model_wrapper(model) and not isinstance(model, DistributedDataParallel):
            raise ValueError(
                'ChannelsLastHook supports no model wrapper except '
                f'DistributedDataParallel, but got {type(model).__name__}: leave out '
                'the wrapper or the hook.'
            )

    def before_train(self, runner: Runner) -> None:
        """Convert the model and the optimizer state.

        This comes after initialization, which fills a tensor in memory order and would
        give different weights for the same seed.
        """
        _convert_model(runner)
        if isinstance(runner.model, DistributedDataParallel):
            _wrap_again(runner)
        wrapper = runner.optim_wrapper
        several = isinstance(wrapper, OptimWrapperDict)
        for single in wrapper.values() if several else [wrapper]:
            _convert_state(single)

    def before_val(self, runner: Runner) -> None:
        """Convert the model, in case it is validated without training."""
        _convert_model(runner)

    def before_test(self, runner: Runner) -> None:
        """Convert the model."""
        _convert_model(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save contiguous copies of the tensors."""
        _make_contiguous(checkpoint)


def _convert_model(runner: Runner) -> None:
    runner.model.to(memory_format=torch.channels_last)


def _wrap_again(runner: Runner) -> None:
    """Rebuild ``DistributedDataParallel`` after the conversion.

    Its gradient buckets have the memory format of the weights at construction. If
    weights are converted later, gradients are reduced wrongly, with only a performance
    warning.
    """
    wrapper_cfg = runner.cfg.get('model_wrapper_cfg')
    runner.model = runner.wrap_model(wrapper_cfg, runner.model.module)
    runner._maybe_compile('train_step')  # as MMEngine did with the old wrapper


def _make_contiguous(container: dict) -> None:
    """Make the tensors in a nested dict contiguous."""
    for key, value in container.items():
        if isinstance(value, torch.Tensor):
            container[key] = value.contiguous()
        elif isinstance(value, dict):
            _make_contiguous(value)


def _convert_state(wrapper: OptimWrapper) -> None:
    """Convert element-wise optimizer state, such as momentum.

    This is only for speed: updates are slow if operands differ in memory format.
    """
    for parameter, state in wrapper.optimizer.state.items():
        if parameter.dim() != 4:
            continue
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                state[name] = value.to(memory_format=torch.channels_last)
