"""A killed and resumed training is bit-identical to an uninterrupted one."""

import signal
import time

import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import call
from tests.tools.killing import kill_after


@pytest.fixture(scope='module')
def resumed(tmp_path_factory, trained):
    """Work dir of a training killed after its second of six epochs, and resumed."""
    work_dir = tmp_path_factory.mktemp('resumed') / 'work'

    code, output = kill_after(work_dir / 'epoch_2.pth', work_dir, trained.config)

    assert code == -signal.SIGKILL, output[-2000:]
    assert not (work_dir / 'epoch_6.pth').exists()
    killed = set(work_dir.glob('2*/2*.log'))
    time.sleep(1.1)  # log names have a resolution of one second
    end = call('train', trained.config, '--work-dir', work_dir, '--resume',
               cwd=work_dir)  # fmt: skip
    assert end is None
    (log,) = set(work_dir.glob('2*/2*.log')) - killed
    return work_dir, log.read_text()


def load(work_dir):
    return read_checkpoint(work_dir / 'epoch_6.pth')


def test_resuming_does_not_restart_the_training(resumed):
    _, log = resumed

    assert 'Epoch(train) [1]' not in log
    assert 'Epoch(train) [6]' in log


def test_weights_and_gala_statistics_are_bit_identical(trained, resumed):
    expected = load(trained.work_dir)['state_dict']

    found = load(resumed[0])['state_dict']

    assert list(found) == list(expected)
    assert {n for n, v in expected.items() if not torch.equal(found[n], v)} == set()
    for name in ('pos_grad', 'neg_grad'):
        assert expected[f'head.loss_module.{name}'].min() > 0


def test_momentum_and_learning_rate_are_bit_identical(trained, resumed):
    expected, found = load(trained.work_dir)['optimizer'], load(resumed[0])['optimizer']

    assert found['param_groups'] == expected['param_groups']
    for index, state in expected['state'].items():
        momentum = found['state'][index]['momentum_buffer']
        assert torch.equal(momentum, state['momentum_buffer'])


def test_the_statistics_grow_from_epoch_to_epoch(trained):
    """Otherwise, equality after six epochs would not test resuming."""
    sums = [
        float(read_checkpoint(trained.work_dir / f'epoch_{epoch}.pth')
              ['state_dict']['head.loss_module.pos_grad'].sum())
        for epoch in range(1, 7)
    ]  # fmt: skip

    assert sums == sorted(set(sums))
