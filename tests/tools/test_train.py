"""Flags and output of tools/train.py."""

import json

import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import assert_one_line, call, options


def test_checkpoint_is_safe_to_load_and_contains_the_statistics(trained):
    checkpoint = read_checkpoint(trained.checkpoint)

    state = checkpoint['state_dict']
    counts = torch.tensor(checkpoint['meta']['class_counts'], dtype=torch.float)
    theta, phi = (state[f'head.loss_module.{n}'] for n in ('pos_grad', 'neg_grad'))
    assert torch.equal(theta, phi)
    assert (theta > 0).all()
    assert (theta <= 6 * counts).all()  # a sample adds at most 1 per epoch


def scalars(work_dir):
    """Scalars logged by MMEngine: lists of values by name."""
    (path,) = work_dir.glob('2*/vis_data/scalars.json')
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    names = {name for entry in entries for name in entry}
    return {name: [e[name] for e in entries if name in e] for name in names}


def test_validation_reports_the_groups(trained):
    logged = scalars(trained.work_dir)

    for name in ('top1', 'many', 'medium', 'few', 'class_mean', 'ece'):
        assert len(logged[f'accuracy/{name}']) == 2  # after epochs 3 and 6


def train(folder, config, *flags, **changes):
    """Train one epoch in this process; return log and checkpoint."""
    end = call('train', config, '--work-dir', folder / 'work', *flags,
               *options(train_cfg__max_epochs=1, **changes), cwd=folder)  # fmt: skip
    assert end is None
    path = folder / 'work' / 'epoch_1.pth'
    return scalars(folder / 'work'), read_checkpoint(path)


def test_no_validate(tmp_path, trained):
    logged, _ = train(tmp_path, trained.config, '--no-validate',
                      train_cfg__val_interval=1)  # fmt: skip

    assert 'loss' in logged
    assert not [name for name in logged if name.startswith('accuracy')]


def test_command_line_options_reach_the_training(tmp_path, trained):
    logged, checkpoint = train(
        tmp_path,
        trained.config,
        model__head__loss__variant='official',
        train_dataloader__dataset__imbalance_factor=10,
        train_cfg__val_interval=1,
    )

    assert checkpoint['state_dict']['head.loss_module.running_sums'].shape == (2, 10)
    counts = checkpoint['meta']['class_counts']
    assert counts[0] // counts[-1] == 10
    assert 'accuracy/top1' in logged


@pytest.mark.parametrize(
    ('flags', 'lr'), [([], 0.05), (['--auto-scale-lr'], 0.05 * 8 / 32)]
)
def test_auto_scale_lr(tmp_path, trained, flags, lr):
    _, checkpoint = train(tmp_path, trained.config, *flags,
                          train_dataloader__batch_size=8)  # fmt: skip

    (group,) = checkpoint['optimizer']['param_groups']
    assert group['initial_lr'] == pytest.approx(lr)


def test_resuming_without_a_checkpoint_starts_a_new_training(tmp_path, trained):
    _, checkpoint = train(tmp_path, trained.config, '--resume')

    assert checkpoint['meta']['epoch'] == 1


def test_resuming_from_a_checkpoint_in_another_work_dir(tmp_path, trained):
    path = trained.work_dir / 'epoch_5.pth'
    end = call('train', trained.config, '--work-dir', 'work', '--resume', path,
               cwd=tmp_path)  # fmt: skip

    assert end is None
    state = read_checkpoint(tmp_path / 'work' / 'epoch_6.pth')
    expected = read_checkpoint(trained.checkpoint)
    for name, value in expected['state_dict'].items():
        assert torch.equal(state['state_dict'][name], value), name


def test_best_checkpoint_is_that_of_the_smallest_ece(tmp_path, trained):
    end = call('train', trained.config, '--work-dir', tmp_path / 'work',
               *options(train_cfg__max_epochs=4, train_cfg__val_interval=1,
                        default_hooks__checkpoint__save_best='accuracy/ece'),
               cwd=tmp_path)  # fmt: skip

    assert end is None
    errors = scalars(tmp_path / 'work')['accuracy/ece']
    assert len(set(errors)) == 4
    best = 1 + errors.index(min(errors))
    names = [path.name for path in (tmp_path / 'work').glob('best_*')]
    assert names == [f'best_accuracy_ece_epoch_{best}.pth']


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'accuracy/my_error',
            r"checkpoint\.save_best='accuracy/my_error'.*rule='less'",
        ),
        ('acc/top1', "save_best='acc/top1' is not.*accuracy/top1, accuracy/many"),
    ],
    ids=['unknown', 'not reported'],
)
def test_metric_that_cannot_be_the_best_is_refused(tmp_path, trained, name, message):
    end = call('train', trained.config, '--work-dir', tmp_path / 'work',
               *options(default_hooks__checkpoint__save_best=name),
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, message)
    assert not list((tmp_path / 'work').glob('*.pth'))
