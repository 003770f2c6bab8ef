"""A training continues only from checkpoints of its own method."""

import os

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmgala.apis.launch import default_work_dir
from mmgala.apis.resuming import (
    check_has_statistics,
    check_same_losses,
    former_work_dir,
    number_of_schedulers,
    read_settings,
)
from mmgala.losses import GALALoss
from tests.tools.command_line import ROOT

CONFIGS = ROOT / 'configs'
NAME = 'resnet14_digits-lt.py'
GALA = 'gala/resnet14_digits-lt.py'
CE = 'cross_entropy/resnet14_digits-lt.py'


def config(path, **options):
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(CONFIGS / path)
    cfg.merge_from_dict({key.replace('__', '.'): v for key, v in options.items()})
    return cfg


def checkpoint(cfg):
    return {'state_dict': {}, 'meta': {'cfg': cfg.pretty_text}}


@pytest.mark.parametrize('path', [GALA, CE, 'ldam_drw/resnet14_digits-lt.py'])
def test_its_own_checkpoint_is_accepted(path):
    check_same_losses(config(path), checkpoint(config(path)), 'x.pth')
    faster = config(path, optim_wrapper__optimizer__lr=1.0)
    check_same_losses(faster, checkpoint(config(path)), 'x.pth')


@pytest.mark.parametrize(
    ('path', 'other', 'losses'),
    [
        (GALA, CE, ('CrossEntropyLoss', 'GALALoss')),
        (CE, GALA, ('GALALoss', 'CrossEntropyLoss')),
        (GALA, 'ldam_drw/resnet14_digits-lt.py', ('LDAMLoss', 'GALALoss')),
    ],
)
def test_a_checkpoint_of_another_loss_is_refused_with_the_way_out(path, other, losses):
    message = f'x.pth was trained with {losses[0]}, but .* is {losses[1]}.*--work-dir'
    with pytest.raises(ValueError, match=message) as error:
        check_same_losses(config(path), checkpoint(config(other)), 'x.pth')
    assert 'load_from=x.pth' in str(error.value)


def test_losses_of_detectors_are_compared_one_by_one():
    head = dict(bbox_head=[dict(loss_cls=dict(type='mmgala.GALABBoxLoss'))])
    ours = Config(dict(model=dict(roi_head=head)))
    theirs = Config(dict(model=dict(roi_head=head)))
    theirs.model.roi_head.bbox_head[0].loss_cls.type = 'CrossEntropyLoss'

    check_same_losses(ours, checkpoint(ours), 'x.pth')
    with pytest.raises(
        ValueError, match=r'roi_head\.bbox_head\.0\.loss_cls .* GALABBox'
    ):
        check_same_losses(ours, checkpoint(theirs), 'x.pth')


@pytest.mark.parametrize('meta', [None, {}, {'cfg': 'not python ('}, {'cfg': 3}])
def test_a_checkpoint_that_does_not_know_its_config_is_accepted(meta):
    check_same_losses(config(GALA), {'state_dict': {}, 'meta': meta}, 'x.pth')


def test_the_loss_that_a_head_has_by_default_counts():
    implicit = config(GALA)
    del implicit.model.head['loss']

    check_same_losses(config(GALA), checkpoint(implicit), 'x.pth')
    with pytest.raises(ValueError, match='trained with GALALoss'):
        check_same_losses(config(CE), checkpoint(implicit), 'x.pth')


def test_a_stored_config_is_not_executed(tmp_path):
    victim = tmp_path / 'victim'
    text = (
        f"import os\na = os.system('touch {victim}')\nmodel = dict(a=[1, {{'b': 2}}])"
    )

    assert read_settings(text) == {'model': {'a': [1, {'b': 2}]}}
    assert read_settings('a = ' + '[' * 10000) == {}
    assert not victim.exists()


def test_methods_have_work_directories_of_their_own():
    assert default_work_dir(f'configs/gala/{NAME}') != default_work_dir(
        f'configs/cross_entropy/{NAME}'
    )
    assert default_work_dir('/my/configs/old/configs/x.py') == 'work_dirs/x'


@pytest.mark.parametrize(('path', 'found'), [(GALA, True), (CE, False)])
def test_a_training_of_an_earlier_version_is_found(tmp_path, monkeypatch, path, found):
    monkeypatch.chdir(tmp_path)
    os.makedirs('work_dirs/resnet14_digits-lt')
    torch.save(checkpoint(config(GALA)), 'work_dirs/resnet14_digits-lt/epoch_1.pth')

    folder = former_work_dir(config(path), CONFIGS / path)

    assert folder == ('work_dirs/resnet14_digits-lt' if found else None)


@pytest.mark.parametrize(
    ('schedulers', 'number'),
    [
        (None, 0),
        (dict(type='StepLR'), 1),
        ([dict(type='LinearLR'), dict(type='StepLR')], 2),
        (dict(generator=[dict(type='StepLR')]), None),  # of several optimizers
    ],
)
def test_schedulers_are_counted(schedulers, number):
    assert number_of_schedulers(Config(dict(param_scheduler=schedulers))) == number


def test_options_that_need_more_statistics_are_refused():
    before, options = GALALoss(3), GALALoss(3, label_margin=2.0)
    stored = dict(state_dict=nn.Sequential(before).state_dict())
    check_has_statistics(stored, nn.Sequential(before), 'x.pth', [])
    with pytest.raises(ValueError, match=r'x.pth has no 0.seen.*another --work-dir'):
        check_has_statistics(stored, nn.Sequential(options), 'x.pth', [])
    check_has_statistics(stored, nn.Sequential(options), 'x.pth', ['0.seen'])


def test_older_checkpoints_without_low_order_parts_are_continued():
    loss = GALALoss(3)
    state = {k: v for k, v in loss.state_dict().items() if not k.endswith('_low')}
    assert state.keys() == {'pos_grad', 'neg_grad'}
    check_has_statistics(dict(state_dict=state), loss, 'x.pth', [])
