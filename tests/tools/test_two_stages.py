"""Two-stage training (representation, then classifier) by one command on two ranks.

ImageNet-LT's recipe on a miniature, with the first residual stage of its network.
"""

import json
from types import SimpleNamespace

import pytest
import torch

from mmgala.analysis import read_gradient_run
from mmgala.utils.checkpoint import read_checkpoint
from tests.miniatures import COUNTS
from tests.small_recipes import ONE_RESIDUAL_STAGE, epochs, small_images
from tests.tools.command_line import assert_one_line, options, run
from tests.tools.recipes import (
    STAGES,
    changes_for,
    child_config,
    evaluate,
    logs,
    shipped,
    train,
    weights,
)

NAME = 'gala/resnext50_imagenet-lt'
STATISTICS = """
statistics = dict(type='mmgala.GradientStatisticsHook', matrix=True)
custom_hooks = [*_base_.custom_hooks, statistics]
stage1 = dict(custom_hooks=[*_base_.stage1.custom_hooks, statistics])
"""
SMALL = {**ONE_RESIDUAL_STAGE, **epochs(2, 2)}


@pytest.fixture(scope='module')
def small(miniatures):
    """Options of a small training of two epochs in each stage."""
    return changes_for(NAME, miniatures, **SMALL, **small_images())


@pytest.fixture(scope='module')
def dist_trained(tmp_path_factory, small):
    """Both stages on two ranks, with the learning rates scaled."""
    folder = tmp_path_factory.mktemp('dist')
    config = child_config(folder, shipped(NAME), STATISTICS)
    result = run('dist_train.sh', config, 2, '--work-dir', 'work', '--auto-scale-lr',
                 '--verbose', *small, cwd=folder)  # fmt: skip
    return SimpleNamespace(work_dir=folder / 'work', log=result.stderr)


def test_the_log_names_the_stage_and_the_loaded_backbone(dist_trained):
    log, work_dir = dist_trained.log, dist_trained.work_dir
    places = [log.index(title) for title in STAGES]
    taken = log.index('Loaded all 66 weights of backbone.*')

    assert places[0] < log.index('Epoch(train) [2]') < places[1] < taken
    assert taken < log.rindex('Epoch(train) [2]')
    assert STAGES[0] in logs(work_dir / 'stage1')
    assert STAGES[1] not in logs(work_dir / 'stage1')
    assert STAGES[1] in logs(work_dir)
    assert 'stage1/epoch_2.pth; skipped 2 (head.fc.bias, ' in logs(work_dir)


def test_gradient_statistics_of_both_ranks_and_stages(dist_trained):
    first = read_gradient_run(dist_trained.work_dir / 'stage1')
    second = read_gradient_run(dist_trained.work_dir)

    assert [len(first), len(second)] == [2, 2]
    # Mixup splits samples between classes, but loses none. With mixed labels, a class
    # can push itself away; with hard labels, it cannot.
    assert first[-1].total.samples.sum() == pytest.approx(2 * sum(COUNTS), abs=2)
    assert first[-1].total.matrix.diagonal().sum() > 0
    assert second[-1].total.matrix.diagonal().sum() == 0
    state = weights(dist_trained.work_dir / 'epoch_2.pth')
    total = second[-1].total
    assert total.pos_grad == pytest.approx(
        state['head.loss_module.pos_grad'].numpy(), rel=1e-4
    )
    assert total.sources.sum(axis=0) == pytest.approx(total.neg_grad, rel=1e-5)


def test_classifier_training_does_not_change_the_representation(dist_trained):
    first = weights(dist_trained.work_dir / 'stage1' / 'epoch_2.pth')
    second = weights(dist_trained.work_dir / 'epoch_2.pth')

    sums = ('pos_grad', 'neg_grad', 'pos_grad_low', 'neg_grad_low')
    assert set(second) - set(first) == {f'head.loss_module.{name}' for name in sums}
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    statistics = {n for n in first if 'running_' in n or 'num_batches' in n}
    assert moved == statistics | {'head.fc.weight', 'head.fc.bias'}


def test_both_ranks_train_on_their_share_with_scaled_learning_rates(dist_trained):
    expected = {
        'stage1/epoch_2.pth': (2 * 3, 0.1 * 2 * 32 / 256),  # 185 images, 64 at a time
        'epoch_2.pth': (2 * 1, 0.12 * 2 * 64 / 512),  # 128 at a time, without the rest
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


def test_a_second_training_in_the_same_folder_is_refused(dist_trained, small):
    for work_dir in (dist_trained.work_dir, dist_trained.work_dir / 'stage1'):
        end = train(shipped(NAME), work_dir, *small)

        assert_one_line(
            end, r'already contains a training \(epoch_2\.pth\): .* --resume'
        )


def test_the_second_stage_alone_from_any_checkpoint(dist_trained, small, tmp_path):
    checkpoint = dist_trained.work_dir / 'stage1' / 'epoch_1.pth'
    work_dir = tmp_path / 'work'

    end = train(shipped(NAME), work_dir, *small, f'load_from={checkpoint}',
                'train_cfg.max_epochs=1')  # fmt: skip

    assert end is None
    assert not (work_dir / 'stage1').exists()
    assert f'Loaded all 66 weights of backbone.* from {checkpoint}' in logs(work_dir)
    first, second = weights(checkpoint), weights(work_dir / 'epoch_1.pth')
    for name in first:
        if name.startswith('backbone.') and name.endswith(('weight', 'bias')):
            assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(model__backbone__groups=1, model__backbone__width_per_group=64),
            r'has a different backbone: backbone\.layer1\.0\.conv1\.weight has '
            r'shape \(128, 64, 1, 1\), but \(64, 64, 1, 1\) in the model',
        ),
        (
            dict(
                model__backbone__num_stages=2,
                model__backbone__strides='(1,2)',
                model__backbone__dilations='(1,1)',
            ),
            r'has a different backbone: it lacks \d+ weights \(backbone\.layer2\.',
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
