"""A training that diverges ends in one line, and leaves no broken checkpoint."""

import math

import pytest
import torch
from mmengine.hooks import Hook

from mmgala.engine import DivergenceHook
from mmgala.engine.hooks import divergence_hook
from mmgala.engine.hooks.divergence_hook import add_divergence_hook
from tests.engine.tiny_runner import tiny_model, tiny_runner


class Spoil(Hook):
    """Multiply a weight by a value before some steps, or after the last one."""

    def __init__(self, steps=(), value=math.nan, after=False):
        self.steps, self.value, self.after = steps, value, after

    def _spoil(self, runner):
        if runner.iter in self.steps:
            runner.model.head.fc.bias.data.mul_(0).add_(self.value)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not self.after:
            self._spoil(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self.after:
            self._spoil(runner)


def train(work_dir, *hooks, unit='epochs', steps=2, **options):
    runner = tiny_runner(
        work_dir, unit=unit, steps=steps, custom_hooks=list(hooks), **options
    )
    runner.train()
    return runner


def saved(work_dir):
    return sorted(path.name for path in work_dir.glob('*.pth'))


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_the_step_the_loss_and_the_remedy_are_named(value, tmp_path):
    message = r'after 4 steps \(epoch 2\): loss is nan.*learning rate.*--resume'
    with pytest.raises(ValueError, match=message):
        train(tmp_path, Spoil([3], value), DivergenceHook(), steps=3)
    assert saved(tmp_path) == ['epoch_1.pth']


def test_without_the_hook_it_would_go_on(tmp_path):
    train(tmp_path, Spoil([3]))
    assert saved(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']


@pytest.mark.parametrize('unit', ['epochs', 'iterations'])
def test_broken_weights_after_the_last_step_are_not_saved(unit, tmp_path):
    last = 3 if unit == 'epochs' else 1
    with pytest.raises(ValueError, match='head.fc.bias and 0 other weights'):
        train(tmp_path, Spoil([last], after=True), DivergenceHook(), unit=unit)
    assert len(saved(tmp_path)) == 1


def test_a_loss_scale_may_skip_some_steps(tmp_path, monkeypatch):
    # AmpOptimWrapper needs a GPU.
    monkeypatch.setattr(divergence_hook, 'AmpOptimWrapper', object)

    class Overflow(Hook):
        priority = 'VERY_HIGH'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if runner.iter in (0, 1, 3):
                runner.message_hub.update_scalar('train/loss', math.inf)

    train(tmp_path / 'a', Overflow(), DivergenceHook(tolerance=2))
    with pytest.raises(ValueError, match='after 2 steps'):
        train(tmp_path / 'b', Overflow(), DivergenceHook(tolerance=1))


def test_losses_without_a_sum_are_checked_too(tmp_path):
    runner = tiny_runner(tmp_path)
    hook = DivergenceHook()
    hook.after_train_iter(runner, 0, outputs=dict(loss_a=torch.tensor(1.0)))
    outputs = dict(loss_a=torch.tensor(1.0), loss_b=torch.tensor(math.inf))
    with pytest.raises(ValueError, match='loss_b is inf'):
        hook.after_train_iter(runner, 0, outputs=outputs)
    hook.after_train_iter(runner, 0, outputs=dict(accuracy=torch.tensor(math.nan)))


def test_a_runner_has_the_hook_once(tmp_path):
    runner = tiny_runner(tmp_path, tiny_model())
    for _ in range(2):
        add_divergence_hook(runner)
    assert sum(isinstance(hook, DivergenceHook) for hook in runner.hooks) == 1


def test_the_training_is_the_same_with_the_hook(tmp_path):
    states = []
    for name, hooks in (('with', [DivergenceHook()]), ('without', [])):
        model = tiny_model()
        torch.manual_seed(0)  # the images
        runner = train(tmp_path / name, *hooks, model=model, randomness=dict(seed=0))
        states.append(runner.model.state_dict())
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
