"""Train with weights in the channels-last memory format."""

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

    Convolutions are often faster on it, most of all in mixed precision. Values, shapes
    and names do not change, and the images need no conversion: a convolution whose
    weight is channels-last gives channels-last output, and the layers after it follow.

    Checkpoints are saved in the ordinary, contiguous format, so they load into
    trainings with and without this hook.
    """

    priority = 'LOWEST'  # the last to look at a checkpoint before it is saved

    def before_run(self, runner: Runner) -> None:
        """Check that the weights can be converted.

        Raises:
            ValueError: if the model is in a wrapper that stores weights by itself, such
                as ``FullyShardedDataParallel``.
        """
        model = runner.model
        if is_model_wrapper(model) and not isinstance(model, DistributedDataParallel):
            raise ValueError(
                'ChannelsLastHook needs the model alone or in DistributedDataParallel, '
                f'but got it in {type(model).__name__}: leave one of the two out.'
            )

    def before_train(self, runner: Runner) -> None:
        """Convert the model and the optimizer's state, initialized or loaded by now.

        Not before: a tensor in another format is initialized in another order, and
        one seed would give other weights.
        """
        _convert_model(runner)
        if isinstance(runner.model, DistributedDataParallel):
            _wrap_again(runner)
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
        _make_contiguous(checkpoint)


def _convert_model(runner: Runner) -> None:
    runner.model.to(memory_format=torch.channels_last)


def _wrap_again(runner: Runner) -> None:
    """Let ``DistributedDataParallel`` see the new format.

    It lays out its buckets when it is built. Gradients of weights that are converted
    later are reduced wrongly, with no more than a warning of lower performance.
    """
    wrapper_cfg = runner.cfg.get('model_wrapper_cfg')
    runner.model = runner.wrap_model(wrapper_cfg, runner.model.module)
    runner._maybe_compile('train_step')  # as MMEngine did with the old wrapper


def _make_contiguous(container: dict) -> None:
    """Replace tensors of another format in a dict, and in the dicts that it holds."""
    for key, value in container.items():
        if isinstance(value, torch.Tensor):
            container[key] = value.contiguous()
        elif isinstance(value, dict):
            _make_contiguous(value)


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
