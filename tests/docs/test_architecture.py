"""docs/architecture.md: the layers are the checked ones, and the keys are saved."""

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from tests.docs.pages import ROOT

PAGE = 'docs/architecture.md'
TEXT = (ROOT / PAGE).read_text()
SINGLE = {'__main__', 'names', 'version'}  # modules that are in no layer of the page
HOOKS = ('ClassCountsHook', 'ResumeWithinEpochHook', 'GradientStatisticsHook')


def test_layers_are_those_of_the_contract():
    contract = (ROOT / 'pyproject.toml').read_text()
    layers = re.search(r'^layers = \[(.*?)^\]', contract, re.DOTALL | re.M)
    checked = [
        set(row.split(' | ')) - SINGLE for row in re.findall('"(.*?)"', layers[1])
    ]
    table = TEXT.partition('| layer |')[2].partition('\n\n')[0]
    rows = [
        re.findall(r'`(\w+)`', cell)
        for cell in re.findall(r'^\| (`.*?) \|', table, re.M)
    ]
    assert [set(row) for row in rows] == [row for row in checked if row]


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """Checkpoints of one epoch on the digits, without our hooks and with them."""
    checkpoints = {}
    for names in ((), HOOKS):
        cfg = Config.fromfile(ROOT / 'configs/gala/resnet14_digits-lt.py')
        cfg.work_dir = str(tmp_path_factory.mktemp('architecture'))
        cfg.experiment_name = f'architecture_{len(names)}'
        cfg.custom_hooks = [dict(type=f'mmgala.{name}') for name in names]
        cfg.model.backbone.update(base_channels=2, stem_channels=2)
        cfg.model.head.in_channels = 8
        cfg.train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=2)
        Runner.from_cfg(cfg).train()
        path = f'{cfg.work_dir}/epoch_1.pth'
        checkpoints[bool(names)] = torch.load(path, weights_only=False)
    return checkpoints


def test_keys_that_the_hooks_add_are_listed(saved):
    plain, ours = saved[False], saved[True]
    added = {f"meta['{key}']" for key in set(ours['meta']) - set(plain['meta'])}
    added |= set(ours) - set(plain)
    assert {"meta['class_counts']", 'gradient_statistics'} <= added
    listed = re.findall(r'^\| `(.*?)`', TEXT.partition('## What a checkpoint')[2], re.M)
    assert added - set(listed) == set()


def test_statistics_are_in_the_state_dict_under_the_listed_name(saved):
    (name,) = (key for key in saved[True]['state_dict'] if key.endswith('pos_grad'))
    assert name == 'head.loss_module.pos_grad'
    assert 'loss_module.pos_grad' in TEXT
