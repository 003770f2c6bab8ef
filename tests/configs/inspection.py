"""Look at built runners."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.structures import DataSample


def learning_rates(runner: Runner, num_epochs: int) -> list[float]:
    """Learning rate in the optimizer at the start of each epoch, step by step."""
    hook = ParamSchedulerHook()
    found = []
    with restored(runner.optim_wrapper, *runner.param_schedulers):
        for _ in range(num_epochs):
            found.append(learning_rate(runner.optim_wrapper))
            for index in range(len(runner.train_dataloader)):
                hook.after_train_iter(runner, index)
            hook.after_train_epoch(runner)
    return found


def resumed_learning_rates(runner: Runner, num_epochs: int) -> list[float]:
    """As :func:`learning_rates`, with all built again and resumed in each epoch."""
    wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers
    found = []
    try:
        for _ in range(num_epochs):
            parts = (runner.optim_wrapper, *runner.param_schedulers)
            states = [copy.deepcopy(part.state_dict()) for part in parts]
            build_optimization(runner)
            parts = (runner.optim_wrapper, *runner.param_schedulers)
            for part, state in zip(parts, states, strict=True):
                part.load_state_dict(state)
            found.append(learning_rate(runner.optim_wrapper))
            ParamSchedulerHook().after_train_epoch(runner)
    finally:
        runner.optim_wrapper, runner.param_schedulers = wrapper, schedulers
    return found


def build_optimization(runner: Runner) -> None:
    """Give a runner its optimizer and schedulers again, as ``Runner.train`` does."""
    runner.param_schedulers = None  # learning rates are not scaled after these
    runner.optim_wrapper = runner.build_optim_wrapper(runner.cfg.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    runner.param_schedulers = runner.build_param_scheduler(runner.cfg.param_scheduler)


def learning_rate(wrapper: OptimWrapper) -> float:
    """The one that all parameters have."""
    (rate,) = {group['lr'] for group in wrapper.optimizer.param_groups}
    return rate


def scaled_learning_rate(runner: Runner, num_ranks: int) -> float:
    """Learning rate of the first epoch on so many ranks."""
    before = runner.optim_wrapper, runner.param_schedulers, runner._world_size
    try:
        runner._world_size = num_ranks
        build_optimization(runner)
        return learning_rate(runner.optim_wrapper)
    finally:
        runner.optim_wrapper, runner.param_schedulers, runner._world_size = before


def moved_by_training(
    runner: Runner, size: int, num_classes: int
) -> tuple[set[str], set[str]]:
    """Train two steps on noise, after which everything is again as it was.

    The first gives no gradient to branches that start with a weight of zero.

    Returns:
        Names of the parameters and of the buffers that have moved.
    """
    model = runner.model
    labels = [0, 1, num_classes - 1, 3]
    with restored(model, runner.optim_wrapper) as (before, _):
        model.train()
        for _ in range(2):
            images = torch.randint(0, 256, (4, 3, size, size), dtype=torch.uint8)
            samples = [DataSample().set_gt_label(label) for label in labels]
            data = dict(inputs=images, data_samples=samples)
            model.train_step(data, runner.optim_wrapper)
        after = model.state_dict()
        moved = {n for n, value in before.items() if not torch.equal(after[n], value)}
        moved -= {n for n in moved if n.endswith('_low')}  # rounding of other buffers
    parameters = {name for name, _ in model.named_parameters()}
    return moved & parameters, moved - parameters


@contextlib.contextmanager
def restored(*objects: Any) -> Iterator[list[dict]]:
    """Bring back the state of anything that has a ``state_dict``, and tell it."""
    states = [copy.deepcopy(each.state_dict()) for each in objects]
    yield states
    for each, state in zip(objects, states, strict=True):
        each.load_state_dict(state)


def running_statistics(runner: Runner, part: str = 'backbone') -> set[str]:
    """Names of the buffers that batch normalisation moves."""
    endings = ('running_mean', 'running_var', 'num_batches_tracked')
    return {
        name
        for name, _ in runner.model.named_buffers()
        if name.startswith(part) and name.endswith(endings)
    }
