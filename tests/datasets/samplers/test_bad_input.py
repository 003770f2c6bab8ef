"""Invalid data sets and arguments raise one-line errors."""

import json

import numpy as np
import pytest
from mmpretrain.datasets import MultiLabelDataset

from mmgala.datasets import ClassAwareSampler, ClassBalancedSampler
from tests.datasets.samplers.chi_square import Labelled

DATA = Labelled([4, 2])


def message_of(error_type, call, *args, **kwargs):
    with pytest.raises(error_type) as error:
        call(*args, **kwargs)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ('sampler_class', 'settings'),
    [
        (ClassAwareSampler, {}),
        (ClassBalancedSampler, dict(mode='class')),
        (ClassBalancedSampler, dict(mode='progressive', num_epochs=2)),
    ],
    ids=str,
)
def test_class_without_samples_is_named(sampler_class, settings):
    data = Labelled([4, 0, 2, 0], names=['ant', 'bee', 'cat', 'dog'])
    message = message_of(ValueError, sampler_class, data, **settings)
    assert 'class 1 (bee) of Labelled has none (empty classes: 2)' in message
    assert "ClassBalancedSampler(mode='instance')" in message


def test_class_without_samples_and_without_name():
    message = message_of(ValueError, ClassAwareSampler, Labelled([4, 0, 2]))
    assert 'class 1 of Labelled has none (empty classes: 1)' in message


@pytest.mark.parametrize('num_samples', [0, -3, 2.5, 'all'], ids=repr)
@pytest.mark.parametrize('sampler_class', [ClassAwareSampler, ClassBalancedSampler])
def test_number_of_samples(sampler_class, num_samples):
    message = message_of(ValueError, sampler_class, DATA, num_samples=num_samples)
    assert "`num_samples` to be 1 or more, 'oversample' or None" in message
    assert message.endswith(f'but got {num_samples!r}.')


@pytest.mark.parametrize('number', [0, -1, 1.5], ids=repr)
def test_number_of_samples_per_class(number):
    message = message_of(ValueError, ClassAwareSampler, DATA, number)
    assert (
        f'`num_samples_per_class` to be an integer of 1 or more, but got {number}'
        in message
    )


def test_unknown_mode():
    message = message_of(ValueError, ClassBalancedSampler, DATA, 'balanced')
    assert "('instance', 'class', 'sqrt', 'progressive'), but got 'balanced'" in message


@pytest.mark.parametrize('num_epochs', [None, 0, 1.5], ids=repr)
def test_progressive_mode_needs_the_number_of_epochs(num_epochs):
    message = message_of(
        ValueError, ClassBalancedSampler, DATA, 'progressive', num_epochs
    )
    assert '`num_epochs`' in message
    assert message.endswith(f'but got {num_epochs!r}.')


@pytest.mark.parametrize('mode', ['instance', 'class', 'sqrt'])
def test_other_modes_need_no_number_of_epochs(mode):
    message = message_of(ValueError, ClassBalancedSampler, DATA, mode, num_epochs=3)
    assert f"only with mode='progressive', but got 3 with mode='{mode}'" in message


@pytest.mark.parametrize('label', [-1, 2])
def test_label_out_of_range_is_named_with_its_image(labelled, label):
    data = labelled([0, 1, label], num_classes=2)
    message = message_of(ValueError, ClassBalancedSampler, data)
    assert f'sample 2 of BaseDataset has label {label} (2.png)' in message


def test_negative_label_with_unknown_classes(labelled):
    message = message_of(ValueError, ClassAwareSampler, labelled([0, -1]))
    assert 'sample 1 of BaseDataset has label -1' in message


def test_empty_data_set():
    message = message_of(ValueError, ClassAwareSampler, Labelled([]))
    assert 'Labelled is empty' in message


def test_multi_label_data_set(tmp_path):
    samples = [{'img_path': 'x.png', 'gt_label': label} for label in ([0], [0, 1])]
    content = {'metainfo': {'classes': ['a', 'b']}, 'data_list': samples}
    (tmp_path / 'ann.json').write_text(json.dumps(content))
    data = MultiLabelDataset(ann_file=str(tmp_path / 'ann.json'))
    message = message_of(ValueError, ClassAwareSampler, data)
    assert 'multi-label data sets are not supported' in message


def test_data_set_without_labels():
    message = message_of(TypeError, ClassAwareSampler, np.zeros(3))
    assert '`get_gt_labels`' in message


def test_data_set_with_truncated_samples(monkeypatch):
    monkeypatch.setattr(Labelled, '__len__', lambda self: 5)
    message = message_of(ValueError, ClassAwareSampler, DATA)
    assert 'Labelled has 5 samples and 6 labels' in message
    assert '`num_samples`' in message
