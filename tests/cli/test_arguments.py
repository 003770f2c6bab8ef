"""Options of the command line override settings, and misspelt sections are refused."""

import pytest
from mmengine.config import Config

from mmgala.cli.arguments import merge_options

SECTIONS = dict(
    model=dict(head=dict(num_classes=10)),
    train_dataloader=dict(batch_size=2),
    optim_wrapper=dict(optimizer=dict(lr=0.1)),
)


def test_options_override_settings():
    cfg = Config(SECTIONS)
    merge_options(cfg, {'model.head.num_classes': 5, 'optim_wrapper.clip_grad': None})
    assert cfg.model.head.num_classes == 5
    assert cfg.optim_wrapper == dict(optimizer=dict(lr=0.1), clip_grad=None)


def test_no_options_change_nothing():
    cfg = Config(SECTIONS)
    merge_options(cfg, None)
    assert cfg.to_dict() == SECTIONS


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('optim_wraper.optimizer.lr', 'optim_wrapper'),
        ('train_dataloder.batch_size', 'train_dataloader'),
        ('randomnes.seed', 'randomness'),  # not in this config
        ('tta_piplines', 'tta_pipeline'),
    ],
)
def test_a_misspelt_section_is_refused(key, meant):
    cfg = Config(SECTIONS)
    with pytest.raises(ValueError, match=f"{key}.*'{meant}'"):
        merge_options(cfg, {key: 1})
    assert cfg.to_dict() == SECTIONS


@pytest.mark.parametrize(
    'key', ['test_dataloader', 'tta_pipeline', 'val_cfg', 'load_from', 'my_own_flag']
)
def test_sections_that_the_config_lacks_can_be_added(key):
    cfg = Config(SECTIONS)
    merge_options(cfg, {key: 'x'})
    assert cfg[key] == 'x'


@pytest.mark.parametrize('option', [{'load_from': 'other.pth'}, {'resume': True}])
def test_a_tool_with_a_checkpoint_argument_takes_no_other_weights(option):
    cfg = Config(SECTIONS)
    value = next(iter(option.values()))
    with pytest.raises(ValueError, match=rf'={value}: .*CHECKPOINT, mine\.pth'):
        merge_options(cfg, option, 'mine.pth')
    assert cfg.to_dict() == SECTIONS
