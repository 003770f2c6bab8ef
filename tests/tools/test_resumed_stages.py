"""A two-stage training that is killed in each stage is resumed exactly.

ImageNet-LT's recipe on a miniature, with the first residual stage of its network.
"""

import json
import signal
import time
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from tests.small_recipes import ONE_RESIDUAL_STAGE, epochs
from tests.tools.killing import kill_after
from tests.tools.recipes import (
    STAGES,
    changes_for,
    child_config,
    shipped,
    train,
    weights,
)

NAME = 'gala/resnext50_imagenet-lt'
# Deterministic, as MMEngine does not save the state of random generators.
CALM = """
_base_ = '{base}'
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(32, 32)),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))
stage1 = dict(
    model=dict(train_cfg=None), train_dataloader=dict(dataset=dict(pipeline=pipeline))
)
"""


@pytest.fixture(scope='module')
def interrupted(tmp_path_factory, miniatures):
    """A training killed in each of its stages and resumed, and an uninterrupted one."""
    folder = tmp_path_factory.mktemp('interrupted')
    # Of the second stage's epochs, the last has a learning rate of 0.
    small = changes_for(NAME, miniatures, **ONE_RESIDUAL_STAGE, **epochs(2, 3))
    calm = folder / 'calm.py'
    calm.write_text(CALM.format(base=shipped(NAME)))
    child = child_config(folder, calm)
    work_dir = folder / 'killed'
    whole = folder / 'whole'
    outputs = []

    for flags, place in (([], work_dir / 'stage1'), (['--resume'], work_dir)):
        # It may still be incomplete when the checkpoint is complete.
        noted = place / 'last_checkpoint'
        code, output = kill_after(noted, work_dir, child, *flags, *small)
        assert code == -signal.SIGKILL, output[-3000:]
        assert not (place / 'epoch_2.pth').exists()
        outputs.append(output)
    time.sleep(1.1)  # log names have a resolution of one second
    for path, flags in ((work_dir, ['--resume']), (whole, [])):
        assert train(calm, path, *flags, *small) is None
    again = partial(train, calm, whole, '--resume', *small)
    return SimpleNamespace(killed=work_dir, whole=whole, outputs=outputs, again=again)


def test_resuming_continues_in_the_interrupted_stage(interrupted):
    killed_in_first, killed_in_second = interrupted.outputs

    assert STAGES[0] in killed_in_first
    assert STAGES[1] not in killed_in_first
    assert 'stage1, resumed.' in killed_in_second
    first, second = killed_in_second.split(STAGES[1])
    assert 'Epoch(train) [1]' not in first
    assert 'Epoch(train) [2]' in first
    assert 'Epoch(train) [1]' in second
    # The second stage was started twice; the last start resumed it.
    last = sorted(interrupted.killed.glob('2*/2*.log'))[-1].read_text()
    assert 'killed, resumed.' in last
    assert 'Epoch(train) [1]' not in last
    assert len(list((interrupted.killed / 'stage1').glob('2*'))) == 2


def test_resumed_weights_are_bit_identical(interrupted):
    for name in ('stage1/epoch_2.pth', 'epoch_2.pth', 'epoch_3.pth'):
        found = weights(interrupted.killed / name)
        expected = weights(interrupted.whole / name)

        assert list(found) == list(expected)
        assert {n for n in found if not torch.equal(found[n], expected[n])} == set()


def test_resumed_learning_rates(interrupted):
    """Of the classifier's three epochs."""
    for work_dir in (interrupted.killed, interrupted.whole):
        found = {}
        for path in sorted(work_dir.glob('2*/vis_data/scalars.json')):
            entries = map(json.loads, path.read_text().splitlines())
            found |= {entry['epoch']: entry['lr'] for entry in entries if 'lr' in entry}
        assert found == pytest.approx({1: 0.09, 2: 0.03, 3: 0.0}, abs=1e-12)


def test_resuming_a_finished_training_changes_nothing(interrupted):
    before = (interrupted.whole / 'epoch_3.pth').read_bytes()

    assert interrupted.again() is None

    assert (interrupted.whole / 'epoch_3.pth').read_bytes() == before
    assert len(list((interrupted.whole / 'stage1').glob('2*'))) == 1
