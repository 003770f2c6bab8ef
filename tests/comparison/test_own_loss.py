"""The loss of the user's config is a row of its own, next to plain cross-entropy."""

import json

import pytest

from mmgala.comparison import find_methods, plan_runs
from mmgala.comparison.config import with_method
from mmgala.comparison.own_loss import has_row, own_loss_note
from tests.comparison.small import small_config
from tests.tools.command_line import SMALL_CONFIG, call, printed

WEIGHTED = dict(type='CrossEntropyLoss', class_weight=[1.0] * 9 + [5.0])
SMOOTHED = dict(type='LabelSmoothLoss', label_smooth_val=0.1)
DEFAULT = find_methods(['ce', 'gala'])


def config(loss=None, head=None):
    cfg = small_config(epochs=1)
    if head is not None:
        cfg.model.head.type = head
    cfg.model.head.pop('loss', None)
    if loss is not None:
        cfg.model.head.loss = dict(loss)
    return cfg


@pytest.mark.parametrize(
    'cfg',
    [
        config(),
        config(dict(type='CrossEntropyLoss')),
        config(dict(type='CrossEntropyLoss', loss_weight=1.0)),
        config(head='mmgala.GALAHead'),
        config(dict(type='mmgala.GALALoss', lambda_pos=1.0), 'mmgala.GALAHead'),
    ],
    ids=['no loss', 'ce', 'ce with a default', 'gala head', 'gala'],
)
def test_plain_losses_have_a_row(cfg):
    assert has_row(cfg, DEFAULT)


@pytest.mark.parametrize(
    ('cfg', 'said'),
    [
        (config(WEIGHTED), 'CrossEntropyLoss(class_weight=[1.0, 1.0'),
        (config(SMOOTHED), 'LabelSmoothLoss(label_smooth_val=0.1)'),
        (config(dict(type='CrossEntropyLoss', loss_weight=2.0)),
         'CrossEntropyLoss(loss_weight=2.0)'),
        (config(dict(type='mmgala.GALALoss', lambda_pos=2.0), 'mmgala.GALAHead'),
         'GALALoss(lambda_pos=2.0)'),
    ],
    ids=['class weights', 'smoothing', 'weight', 'gala with settings'],
)  # fmt: skip
def test_other_losses_are_named(cfg, said):
    assert not has_row(cfg, DEFAULT)
    note = own_loss_note(cfg, DEFAULT)
    assert f'not the loss of the config ({said}' in note
    assert 'has no row: add config to --methods' in note
    own = own_loss_note(cfg, [*DEFAULT, *find_methods(['config'])])
    assert own.endswith('which is config.')


def test_the_method_keeps_head_loss_and_hooks():
    cfg = config(WEIGHTED)

    changed = with_method(cfg, *find_methods(['config']))

    assert changed.model == cfg.model
    assert changed.custom_hooks == cfg.custom_hooks


def test_settings_change_the_loss_of_the_config(tmp_path):
    methods = find_methods(['config:label_smooth_val=0.3'])

    (run,) = plan_runs(config(SMOOTHED), methods, [0], tmp_path)

    assert run.cfg.model.head.loss == dict(type='LabelSmoothLoss', label_smooth_val=0.3)


@pytest.mark.slow
def test_rows_of_a_comparison(tmp_path):
    own = f'model["head"]["loss"] = dict(_delete_=True, **{WEIGHTED})'
    text = f'{SMALL_CONFIG}\n{own}\ntrain_cfg = dict(max_epochs=1)\n'
    (tmp_path / 'small.py').write_text(text)
    arguments = ['small.py', '--seeds', '1', '--workers', '1', '--work-dir', 'work']

    with printed() as output:
        end = call('compare', *arguments, cwd=tmp_path)

    assert end is None
    results = json.loads((tmp_path / 'work/results.json').read_text())
    rows = {row['name']: row['runs'][0] for row in results['rows']}
    assert list(rows) == ['ce', 'gala', 'config']
    assert rows['ce'] != rows['config']
    assert 'ce is plain cross-entropy, not the loss of the config' in output.stdout
