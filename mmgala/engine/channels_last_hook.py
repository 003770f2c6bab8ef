"""Train with weights in the channels-last memory format."""

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmengine.utils import apply_to

from mmgala.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep 4-D weights and their optimizer state in ``torch.channels_last`` format.

    Convolutions are often faster on it, most of all in mixed precision. Values, shapes
    and names do not change, and the images need no conversion: a convolution whose
    weight is channels-last gives channels-last output, and the layers after it follow.

    Checkpoints are saved in the ordinary, contiguous format, so they load into
    trainings with and without this hook.
    """

    priority = 'LOWEST'  # the last to look at a checkpoint before it is saved

    def before_train(self, runner: Runner) -> None:
        """Convert the model, and the optimizer state that was loaded."""
        _convert_model(runner)
        wrapper = runner.optim_wrapper
        several = isinstance(wrapper, OptimWrapperDict)
        for single in wrapper.values() if several else [wrapper]:
            _convert_state(single)

    def before_val(self, runner: Runner) -> None:
        """Convert the model where it is validated without training."""
        _convert_model(runner)

    def before_test(self, runner: Runner) -> None:
        """Convert the model."""
        _convert_model(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Make tensors contiguous in what is saved; the training keeps its own."""
        for key, value in checkpoint.items():
            checkpoint[key] = apply_to(
                value, lambda x: isinstance(x, torch.Tensor), torch.Tensor.contiguous
            )


def _convert_model(runner: Runner) -> None:
    runner.model.to(memory_format=torch.channels_last)


def _convert_state(wrapper: OptimWrapper) -> None:
    """Convert what the optimizer keeps of each element of a weight, like momentum.

    The update would be right without it, but slow: its operands would be stored in
    different orders.
    """
    for parameter, state in wrapper.optimizer.state.items():
        if parameter.dim() != 4:
            continue
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                state[name] = value.to(memory_format=torch.channels_last)
