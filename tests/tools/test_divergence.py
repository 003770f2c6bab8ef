"""Trainings that diverge, and their checkpoints, end in one line and a status."""

import math

import pytest
import torch

from mmgala.comparison import find_methods, plan_runs
from mmgala.comparison.processes import Report
from mmgala.comparison.worker import execute
from tests.comparison.small import small_config as narrow_config
from tests.tools.command_line import assert_one_line, call, options

TRAIN = dict(train_cfg__max_epochs=1, train_cfg__val_interval=1)


@pytest.mark.parametrize(
    ('lr', 'message'),
    [
        ('1e30', r'diverged after \d+ steps .* is nan.*learning rate'),
        ('nan', r'optimizer\.lr .* but got nan'),
    ],
)
def test_a_training_that_diverges(tmp_path, small_config, lr, message):
    end = call(
        'train', small_config, '--work-dir', tmp_path / 'work',
        *options(**TRAIN, optim_wrapper__optimizer__lr=lr), cwd=tmp_path,
    )  # fmt: skip
    assert_one_line(end, message)
    assert not list(tmp_path.rglob('*.pth'))


def test_a_strength_that_is_no_number(tmp_path, small_config):
    end = call(
        'train', small_config, '--work-dir', tmp_path / 'work',
        *options(**TRAIN, model__head__loss__lambda_pos='nan'), cwd=tmp_path,
    )  # fmt: skip
    assert_one_line(end, '`lambda_pos` to be 0 or more, but got nan')


def broken_checkpoint(trained, path, name, value):
    checkpoint = torch.load(trained.checkpoint, weights_only=False)
    checkpoint['state_dict'][name].view(-1)[3] = value
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize('name', ['head.fc.weight', 'head.loss_module.pos_grad'])
@pytest.mark.parametrize('tool', ['test', 'train'])
def test_a_checkpoint_that_is_not_finite(tmp_path, trained, name, tool):
    path = broken_checkpoint(trained, tmp_path / 'x.pth', name, math.nan)
    given = [path] if tool == 'test' else ['--resume', path]
    end = call(
        tool, trained.config, *given, '--work-dir', tmp_path / 'work', cwd=tmp_path
    )
    assert_one_line(end, rf'{name}.*earlier checkpoint')


def test_more_ranks_than_classes_in_top_k(tmp_path, small_config):
    end = call(
        'train', small_config, '--work-dir', tmp_path / 'work',
        *options(**TRAIN, val_evaluator__topk='(1,11)'), cwd=tmp_path,
    )  # fmt: skip
    assert_one_line(end, r'Top-11 .*10 classes: set topk=\(1,\)')
    assert not list(tmp_path.rglob('*.pth'))


def test_a_run_of_a_comparison_that_diverges(tmp_path):
    cfg = narrow_config(epochs=1)
    cfg.optim_wrapper.optimizer.lr = 1e30
    del cfg.default_hooks['divergence']  # a config without it
    (run,) = plan_runs(cfg, find_methods(['gala']), [0], tmp_path, 'last')
    with pytest.raises(ValueError, match=r'diverged after \d+ steps'):
        execute(run, Report(lambda message: None))
    assert not list(tmp_path.rglob('*.pth'))
    assert '"failed"' in (run.folder / 'run.json').read_text()
