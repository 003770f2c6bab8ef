"""Parts of a checkpoint that are not what trainings save are refused by name."""

import numpy as np
import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_content import check_content, check_resumable

NAN = float('nan')


def checkpoint(**parts):
    meta = dict(epoch=2, iter=20, seed=0, class_counts=[3, 2])
    return (
        dict(
            state_dict={'fc.weight': torch.ones(2)},
            meta=meta,
            optimizer=dict(state={}, param_groups=[]),
            param_schedulers=[{}],
            message_hub=dict(log_scalars={}),
        )
        | parts
    )


@pytest.mark.parametrize(
    ('part', 'value', 'named'),
    [
        ('state_dict', {'fc.weight': 'x'}, "state_dict['fc.weight'] is 'x'"),
        ('state_dict', {'fc.weight': [1.0]}, "state_dict['fc.weight'] is [1.0]"),
        ('state_dict', {0: torch.ones(1)}, 'the key 0'),
        ('meta', 'x', "meta is 'x'"),
        ('meta', [1], 'meta is [1]'),
        ('meta', dict(class_counts={'a': 1}), 'meta.class_counts is'),
        ('meta', dict(class_counts=[NAN, 1]), 'meta.class_counts is [nan, 1]'),
        ('meta', dict(class_counts=[-1, 1]), 'meta.class_counts is [-1, 1]'),
        ('meta', dict(class_counts='12'), "meta.class_counts is '12'"),
        (
            'meta',
            dict(dataset_meta=dict(class_counts='x')),
            'dataset_meta.class_counts',
        ),
        ('meta', dict(class_names=5), 'meta.class_names is 5'),
        ('meta', dict(class_names='owl'), "meta.class_names is 'owl'"),
        ('meta', dict(CLASSES=5), 'meta.CLASSES is 5'),
        ('meta', dict(dataset_meta=dict(classes=5)), 'dataset_meta.classes is 5'),
        ('meta', dict(epoch='x'), "meta.epoch is 'x'"),
        ('meta', dict(epoch=-5), 'meta.epoch is -5'),
        ('meta', dict(shot_thresholds=[1, 2]), 'shot_thresholds is [1, 2]'),
        ('optimizer', 'x', "optimizer is 'x'"),
        ('message_hub', 'x', "message_hub is 'x'"),
        ('param_schedulers', 'x', "param_schedulers is 'x'"),
    ],
)
def test_the_part_and_its_value_are_named(tmp_path, part, value, named):
    torch.save(checkpoint(**{part: value}), tmp_path / 'x.pth')

    with pytest.raises(ValueError, match=r'x\.pth is damaged.*another checkpoint') as e:
        read_checkpoint(tmp_path / 'x.pth')

    assert named in str(e.value)


@pytest.mark.parametrize(
    'counts', [[3, 2], (3, 2), np.array([3, 2]), torch.tensor([3, 2]), [3.0, 2.0]]
)
def test_counts_in_any_usual_form_pass(counts):
    check_content(checkpoint(meta=dict(class_counts=counts)), 'x.pth')


def test_meta_of_the_parts_of_a_data_set_passes():
    check_content(checkpoint(meta=dict(dataset_meta=[dict(), dict()])), 'x.pth')


@pytest.mark.parametrize(
    ('parts', 'named'),
    [
        (dict(meta=None), 'meta.epoch'),
        (dict(meta=dict(epoch=1)), 'meta.iter'),
        (dict(optimizer=None), 'optimizer'),
        (dict(message_hub={}), 'message_hub'),
    ],
)
def test_weights_alone_cannot_be_resumed(parts, named):
    with pytest.raises(ValueError, match=rf'it has no {named}.*load_from=x\.pth'):
        check_resumable(checkpoint(**parts), 'x.pth')


def test_a_longer_training_cannot_be_resumed():
    check_resumable(checkpoint(), 'x.pth', max_epochs=2)
    with pytest.raises(ValueError, match='from epoch 2, .*max_epochs is 1'):
        check_resumable(checkpoint(), 'x.pth', max_epochs=1)


def test_states_of_other_schedulers_cannot_be_resumed():
    states = checkpoint(param_schedulers=[{}, {}])

    check_resumable(states, 'x.pth', schedulers=2)
    check_resumable(states, 'x.pth')  # it is unknown how many there are
    for number in (0, 1, 3):
        with pytest.raises(ValueError, match=f'of 2 schedulers, .* has {number}.*load'):
            check_resumable(states, 'x.pth', schedulers=number)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(IsADirectoryError, match='is a folder'):
        read_checkpoint(tmp_path)
