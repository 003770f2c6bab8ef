"""The hook that shows a training: what it says, and that it changes nothing."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from mmgala.console import command_session
from mmgala.console.mmengine_log import use_session
from mmgala.engine.training_console import TrainingProgress, validations_left
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine.tiny_runner import CountMetric, loader, tiny_runner


class Validations(Hook):
    """Counts validations, and notes how many were left at the start."""

    def __init__(self):
        self.left = None
        self.seen = 0

    def before_train(self, runner):
        self.left = validations_left(runner)

    def after_val(self, runner):
        self.seen += 1


def validated_runner(folder, unit='epochs', steps=7, resume=False, **loop):
    """A runner that validates while it trains."""
    runner = tiny_runner(
        folder,
        unit=unit,
        steps=steps,
        val_dataloader=loader(),
        val_cfg=dict(),
        val_evaluator=[CountMetric()],
        randomness=dict(seed=0),
        resume=resume,
    )
    runner._train_loop.update(loop)
    return runner


@pytest.mark.parametrize(
    ('unit', 'loop'),
    [
        ('epochs', {}),
        ('epochs', dict(val_interval=3)),
        ('epochs', dict(val_begin=4, val_interval=2)),
        ('epochs', dict(val_interval=3, dynamic_intervals=[(5, 1)])),
        ('iterations', dict(val_interval=2)),
        ('iterations', dict(val_interval=3, val_begin=4)),
    ],
)
def test_validations_are_counted_as_mmengine_does_them(tmp_path, unit, loop):
    runner = validated_runner(tmp_path, unit, **loop)
    found = Validations()
    runner.register_hook(found)

    runner.train()

    assert found.left == found.seen > 0
    assert validations_left(runner) == 0


def trained(folder, capsys, shown):
    """Weights after a training, and what it printed."""
    with command_session() as session:
        session.start(verbose=False)
        use_session()
        torch.manual_seed(0)
        runner = validated_runner(folder, steps=3)
        if shown:
            with TrainingProgress([3]) as progress:
                progress.bar.due = lambda *epoch: True  # draws after each step
                runner.register_hook(progress.hook(0))
                runner.train()
        else:
            runner.train()
    weights = read_checkpoint(folder / 'epoch_3.pth')['state_dict']
    return weights, capsys.readouterr()


def test_a_shown_training_is_the_same_bit_for_bit(tmp_path, capsys):
    before, silent = trained(tmp_path / 'before', capsys, shown=False)
    after, printed = trained(tmp_path / 'after', capsys, shown=True)

    assert all(torch.equal(before[name], after[name]) for name in before)
    assert silent.out == ''
    assert printed.out.split() == ['epoch', 'samples', '1', '4', '2', '4', '3', '4']
    assert '4 samples, 3 epochs with batches of 2' in printed.err
    assert 'Trained for ' in printed.err
    assert 'Resumed' not in printed.err
    assert 'epoch_3.pth' in printed.err


def test_iterations_are_called_so(tmp_path, capsys):
    with command_session() as session:
        session.start(verbose=False)
        use_session()
        runner = validated_runner(tmp_path, 'iterations', steps=4, val_interval=2)
        with TrainingProgress([4]) as progress:
            runner.register_hook(progress.hook(0))
            runner.train()

    printed = capsys.readouterr()
    assert printed.out.split() == ['iteration', 'samples', '2', '4', '4', '4']
    assert ' 4 iterations with batches of 2' in printed.err


def test_a_resumed_training_says_so(tmp_path, capsys):
    validated_runner(tmp_path, steps=2).train()
    capsys.readouterr()
    with command_session() as session:
        session.start(verbose=False)
        use_session()
        runner = validated_runner(tmp_path, steps=4, resume=True)
        with TrainingProgress([4]) as progress:
            runner.register_hook(progress.hook(0))
            runner.train()

    printed = capsys.readouterr()
    assert 'Resumed after epoch 2.' in printed.err
    assert printed.out.split() == ['epoch', 'samples', '3', '4', '4', '4']


class Unread(torch.Tensor):
    """A loss that must not be read."""

    def item(self):
        raise AssertionError('this would wait for the device')

    __float__ = __repr__ = __bool__ = item


def test_the_loss_is_not_read_from_the_device(tmp_path):
    runner = validated_runner(tmp_path)
    with TrainingProgress([7]) as progress:
        hook = progress.hook(0)
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner._val_loop = runner.build_val_loop(runner._val_loop)
        hook.before_train(runner)
        progress.bar.due = lambda *epoch: True
        outputs = {'loss': torch.ones(()).as_subclass(Unread)}

        hook.after_train_iter(runner, 0, None, outputs)

        with pytest.raises(AssertionError, match='wait for the device'):
            float(outputs['loss'])


def test_validations_of_a_training_without_an_end_are_counted_at_once():
    loop = SimpleNamespace(
        max_iters=10**15, iter=10**12, val_begin=1, val_interval=10**3
    )
    left = validations_left(SimpleNamespace(train_loop=loop))
    assert left == 10**12 - 10**9
