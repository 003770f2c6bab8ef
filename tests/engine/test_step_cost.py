"""What a step of a training asks of the device, beside the same step of MMPretrain.

Operations are counted, as times on a shared machine say little. On a GPU, each costs
the host some microseconds, and a value that is read makes it wait for the device.
"""

from collections import Counter

import pytest
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils._python_dispatch import TorchDispatchMode

from mmgala.engine.training_console import TrainingProgress
from mmgala.functional import checks
from tests.engine.small_training import small_config

WAIT = 'aten._local_scalar_dense.default'  # .item() and float()


class Operations(TorchDispatchMode):
    """Counts operations of PyTorch."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.found[str(function)] += 1
        return function(*args, **(kwargs or {}))


class CountingLoop(EpochBasedTrainLoop):
    """Counts the operations of each step, and those within our hooks."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = []
        self.in_hooks = {}

    def run_iter(self, idx, data_batch):
        if not self.in_hooks:
            for hook in self.runner.hooks:
                if type(hook).__module__.startswith('mmgala.'):
                    self._count(hook, 'before_train_iter')
                    self._count(hook, 'after_train_iter')
        with Operations() as operations:
            super().run_iter(idx, data_batch)
        self.steps.append(operations.found)

    def _count(self, hook, name):
        call = getattr(hook, name)
        found = self.in_hooks.setdefault(type(hook).__name__, Counter())

        def counting(*args, **kwargs):
            with Operations() as operations:
                call(*args, **kwargs)
            found.update(operations.found)

        setattr(hook, name, counting)


def counted(folder, ours):
    """The loop of a training: of ours with GALA, or of MMPretrain's cross-entropy."""
    LOOPS.register_module(module=CountingLoop, force=True)
    cfg = small_config(folder)
    cfg.train_cfg = dict(type='CountingLoop', max_epochs=1, val_interval=2)
    if not ours:
        cfg.model.head.type = 'LinearClsHead'
        cfg.model.head.loss = dict(type='CrossEntropyLoss')
        cfg.custom_hooks = []
        for name, hook in list(cfg.default_hooks.items()):
            if hook.get('type', '').startswith('mmgala.'):
                del cfg.default_hooks[name]
    runner = Runner.from_cfg(cfg)
    if ours:
        progress = TrainingProgress([1])
        progress.bar.due = lambda *epoch: True  # as if each step were long
        runner.register_hook(progress.hook(0))
    runner.train()
    return runner.train_loop


@pytest.fixture(scope='module')
def loops(tmp_path_factory):
    folder = tmp_path_factory.mktemp('steps')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, 'is_readable', lambda values: False)  # as on a GPU
        return counted(folder / 'ours', True), counted(folder / 'theirs', False)


def test_hooks_of_a_training_use_no_operation_of_the_device(loops):
    found = loops[0].in_hooks
    expected = {'ClassCountsHook', 'PaddingHook', 'DivergenceHook', 'MetricRulesHook'}
    assert found.keys() == expected | {'TrainingConsoleHook'}
    assert not any(found.values())


def test_a_step_waits_for_the_device_as_often_as_without_us(loops):
    waits = [[step[WAIT] for step in loop.steps] for loop in loops]
    assert waits[0] == waits[1]
    assert all(waits[0])  # MMEngine reads the loss


def test_a_step_has_few_more_operations_than_with_cross_entropy(loops):
    ours, theirs = ([step.total() for step in loop.steps] for loop in loops)
    assert all(own <= other + 15 for own, other in zip(ours, theirs, strict=True))
