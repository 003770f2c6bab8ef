"""One command trains representation and classifier, on two ranks and resumed anywhere.

ImageNet-LT's recipe on a miniature, with the first residual stage of its network.
"""

import json
import signal
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from mmgala.engine.checkpoint import read_checkpoint
from tests.miniatures import COUNTS
from tests.small_recipes import ONE_RESIDUAL_STAGE, epochs, small_images
from tests.tools.command_line import assert_one_line, options, run
from tests.tools.killing import kill_after
from tests.tools.recipes import (
    PATHS,
    changes_for,
    child_config,
    evaluate,
    logs,
    shipped,
    train,
    weights,
)

NAME = 'gala/resnext50_imagenet-lt'
# Without chance: MMEngine does not save the random generators' states.
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
SMALL = {**ONE_RESIDUAL_STAGE, **epochs(2, 2)}
STAGES = ('Stage 1 of 2, representation', 'Stage 2 of 2, classifier')


@pytest.fixture(scope='module')
def small(miniatures):
    """Options of a small training of two epochs in each stage."""
    return changes_for(NAME, miniatures, **SMALL, **small_images())


@pytest.fixture(scope='module')
def dist_trained(tmp_path_factory, small):
    """Both stages on two ranks, with the learning rates scaled."""
    folder = tmp_path_factory.mktemp('dist')
    config = child_config(folder, shipped(NAME))
    result = run('dist_train.sh', config, 2, '--work-dir', 'work', '--auto-scale-lr',
                 *small, cwd=folder)  # fmt: skip
    return SimpleNamespace(work_dir=folder / 'work', stdout=result.stdout)


def test_the_log_says_which_stage_it_is_and_what_was_taken(dist_trained):
    stdout, work_dir = dist_trained.stdout, dist_trained.work_dir
    places = [stdout.index(title) for title in STAGES]
    taken = stdout.index('took all 66 weights of backbone.*; left 2 (head.fc.bias, ')

    assert places[0] < stdout.index('Epoch(train) [2]') < places[1] < taken
    assert taken < stdout.rindex('Epoch(train) [2]')
    assert STAGES[0] in logs(work_dir / 'stage1')
    assert STAGES[1] not in logs(work_dir / 'stage1')
    assert STAGES[1] in logs(work_dir)
    assert 'stage1/epoch_2.pth: took all' in logs(work_dir)


def test_the_classifier_leaves_the_representation_as_it_is(dist_trained):
    first = weights(dist_trained.work_dir / 'stage1' / 'epoch_2.pth')
    second = weights(dist_trained.work_dir / 'epoch_2.pth')

    assert set(second) - set(first) == {
        'head.loss_module.pos_grad', 'head.loss_module.neg_grad'
    }  # fmt: skip
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    statistics = {n for n in first if 'running_' in n or 'num_batches' in n}
    assert moved == statistics | {'head.fc.weight', 'head.fc.bias'}


def test_both_ranks_train_on_their_share_with_scaled_learning_rates(dist_trained):
    expected = {
        'stage1/epoch_2.pth': (2 * 3, 0.1 * 2 * 32 / 256),  # 185 images, 64 at a time
        'epoch_2.pth': (2 * 2, 0.12 * 2 * 64 / 512),  # 128 at a time
    }
    for path, (iterations, learning_rate) in expected.items():
        checkpoint = read_checkpoint(dist_trained.work_dir / path)

        assert checkpoint['meta']['iter'] == iterations
        assert checkpoint['meta']['class_counts'] == list(COUNTS)
        (group,) = checkpoint['optimizer']['param_groups']
        assert group['initial_lr'] == pytest.approx(learning_rate)


def test_each_stage_reports_the_groups(dist_trained):
    for folder in (dist_trained.work_dir / 'stage1', dist_trained.work_dir):
        (path,) = folder.glob('2*/vis_data/scalars.json')
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        logged = {name for entry in entries for name in entry}
        assert {'accuracy/many', 'accuracy/medium', 'accuracy/few'} <= logged


def test_it_is_tested_and_rebalanced(dist_trained, small, tmp_path):
    checkpoint = dist_trained.work_dir / 'epoch_2.pth'
    end = evaluate(shipped(NAME), checkpoint, tmp_path / 'work', '--rebalance',
                   '--tau', 'auto', '--out', 'm.json', *small)  # fmt: skip

    assert end is None
    metrics = json.loads((tmp_path / 'm.json').read_text())
    assert metrics['accuracy/top1'] > 50
    assert {'accuracy/many', 'accuracy/medium', 'accuracy/few'} <= set(metrics)
    log = logs(tmp_path / 'work')
    assert '<- chosen' in log
    assert 'WARNING: the validation set' not in log


def test_a_second_start_does_not_run_into_the_first(dist_trained, small):
    for work_dir in (dist_trained.work_dir, dist_trained.work_dir / 'stage1'):
        end = train(shipped(NAME), work_dir, *small)

        assert_one_line(end, r'already holds a training \(epoch_2\.pth\): .* --resume')


@pytest.fixture(scope='module')
def interrupted(tmp_path_factory, miniatures):
    """A training killed in each of its stages and resumed, and an uninterrupted one."""
    folder = tmp_path_factory.mktemp('interrupted')
    small = changes_for(NAME, miniatures, **SMALL)
    calm = folder / 'calm.py'
    calm.write_text(CALM.format(base=shipped(NAME)))
    child = child_config(folder, calm)
    work_dir = folder / 'killed'
    whole = folder / 'whole'
    outputs = []

    for flags, place in (([], work_dir / 'stage1'), (['--resume'], work_dir)):
        # It is written, perhaps not to the end, when the checkpoint is whole.
        noted = place / 'last_checkpoint'
        code, output = kill_after(noted, work_dir, child, *flags, *small, **PATHS)
        assert code == -signal.SIGKILL, output[-3000:]
        assert not (place / 'epoch_2.pth').exists()
        outputs.append(output)
    for path, flags in ((work_dir, ['--resume']), (whole, [])):
        assert train(calm, path, *flags, *small) is None
    again = partial(train, calm, whole, '--resume', *small)
    return SimpleNamespace(killed=work_dir, whole=whole, outputs=outputs, again=again)


def test_resuming_goes_on_in_the_stage_that_was_interrupted(interrupted):
    killed_in_first, killed_in_second = interrupted.outputs

    assert STAGES[0] in killed_in_first
    assert STAGES[1] not in killed_in_first
    assert 'stage1, resumed.' in killed_in_second
    first, second = killed_in_second.split(STAGES[1])
    assert 'Epoch(train) [1]' not in first
    assert 'Epoch(train) [2]' in first
    assert 'Epoch(train) [1]' in second
    # Of the second stage's two starts, the last is the one that resumed.
    last = sorted(interrupted.killed.glob('2*/2*.log'))[-1].read_text()
    assert 'killed, resumed.' in last
    assert 'Epoch(train) [1]' not in last
    assert len(list((interrupted.killed / 'stage1').glob('2*'))) == 2


def test_resumed_weights_are_bit_equal(interrupted):
    for name in ('stage1/epoch_2.pth', 'epoch_2.pth'):
        found = weights(interrupted.killed / name)
        expected = weights(interrupted.whole / name)

        assert list(found) == list(expected)
        assert {n for n in found if not torch.equal(found[n], expected[n])} == set()


def test_resuming_a_finished_training_changes_nothing(interrupted):
    before = (interrupted.whole / 'epoch_2.pth').read_bytes()

    assert interrupted.again() is None

    assert (interrupted.whole / 'epoch_2.pth').read_bytes() == before
    assert len(list((interrupted.whole / 'stage1').glob('2*'))) == 1


def test_the_second_stage_alone_from_any_checkpoint(dist_trained, small, tmp_path):
    checkpoint = dist_trained.work_dir / 'stage1' / 'epoch_1.pth'
    work_dir = tmp_path / 'work'

    end = train(shipped(NAME), work_dir, *small, f'load_from={checkpoint}',
                'train_cfg.max_epochs=1')  # fmt: skip

    assert end is None
    assert not (work_dir / 'stage1').exists()
    assert f'Representation from {checkpoint}: took all 66 weights' in logs(work_dir)
    first, second = weights(checkpoint), weights(work_dir / 'epoch_1.pth')
    for name in first:
        if name.startswith('backbone.') and name.endswith(('weight', 'bias')):
            assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(model__backbone__groups=1, model__backbone__width_per_group=64),
            r'is of another backbone: backbone\.layer1\.0\.conv1\.weight is '
            r'\(128, 64, 1, 1\) there, \(64, 64, 1, 1\) in the model',
        ),
        (
            dict(
                model__backbone__num_stages=2,
                model__backbone__strides='(1,2)',
                model__backbone__dilations='(1,1)',
            ),
            r'is of another backbone: it lacks \d+ weights \(backbone\.layer2\.',
        ),
    ],
    ids=['shapes', 'depth'],
)
def test_checkpoint_of_another_backbone(
    dist_trained, small, tmp_path, changes, message
):
    checkpoint = dist_trained.work_dir / 'stage1' / 'epoch_2.pth'

    end = train(shipped(NAME), tmp_path / 'work', *small, f'load_from={checkpoint}',
                *options(**changes)[1:])  # fmt: skip

    assert_one_line(end, message)
    assert not list((tmp_path / 'work').glob('*.pth'))
