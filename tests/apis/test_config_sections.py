"""Sections and settings that MMEngine reads itself are checked before a run."""

import pytest
from mmengine.config import Config

from mmgala.apis.config_sections import check_sections


def config(**changes):
    cfg = Config(
        dict(
            model=dict(type='X'),
            train_dataloader=dict(
                batch_size=2, dataset=dict(type='X'), sampler=dict(type='X')
            ),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            train_cfg=dict(max_epochs=1),
            val_evaluator=[dict(type='X')],
            custom_hooks=[dict(type='X')],
            param_scheduler=None,
        )
    )
    cfg.merge_from_dict(changes)
    return cfg


@pytest.mark.parametrize(
    ('key', 'value', 'expected'),
    [
        ('model', 'x', 'a dict'),
        ('train_dataloader', [], 'a dict'),
        ('train_dataloader.batch_size', 0, '1 or more'),
        ('train_dataloader.batch_size', 1.5, 'a whole number'),
        ('train_dataloader.dataset', None, 'a dict with a type'),
        ('train_dataloader.sampler', None, 'shuffle=True'),
        ('train_dataloader.sampler', 'DefaultSampler', 'shuffle=True'),
        ('train_dataloader', dict(dataset=dict(_delete_=True)), 'a dict with a type'),
        ('train_cfg', [], 'a dict'),
        ('train_cfg.max_epochs', 'x', 'a whole number'),
        ('optim_wrapper.optimizer.lr', float('nan'), 'a finite number'),
        ('custom_hooks', ['x'], 'a list of dicts'),
        ('param_scheduler', [dict(T_max=3), dict(T_max=0)], '1 or more'),
        ('optim_wrapper.optimizer.type', 'Nope', 'SGD'),
        ('val_evaluator', 'x', 'a dict'),
        ('randomness', {'seed': -1}, '0 or more'),
        ('log_level', 'NOPE', 'INFO'),
    ],
)
def test_the_key_the_value_and_what_is_expected_are_named(key, value, expected):
    with pytest.raises(ValueError, match='in the config|has no') as end:
        check_sections(config(**{key: value}))

    shown = {
        'randomness': '-1',
        'train_dataloader': '',
        'param_scheduler': '0',
        'model': "'x'",
    }
    assert key in str(end.value)
    assert value is None or shown.get(key, str(value)) in str(end.value)
    assert expected in str(end.value)


def test_a_config_without_a_model_is_refused():
    with pytest.raises(ValueError, match='has no model'):
        check_sections(Config(dict(train_cfg=dict(max_epochs=1))))


def test_good_configs_pass():
    check_sections(config())
    check_sections(config(val_evaluator=[], train_cfg=None))
    check_sections(config(default_hooks=dict(checkpoint=dict(interval=-1))))


@pytest.mark.parametrize('number', [7, None])
def test_mixup_needs_the_number_of_classes_in_two_places(number):
    changes = {
        'model.head': dict(num_classes=10),
        'model.train_cfg': dict(augments=dict(type='Mixup')),
        'data_preprocessor.num_classes': number,
    }
    message = rf'data_preprocessor.num_classes .* {number}, but .* 10: mixup'
    with pytest.raises(ValueError, match=message):
        check_sections(config(**changes))

    check_sections(config(**changes | {'data_preprocessor.num_classes': 10}))
    check_sections(config(**changes | {'model.train_cfg': None}))  # not used
