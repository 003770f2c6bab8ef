"""Class counts of labels and of data sets, whatever holds them."""

from collections import Counter, namedtuple

import numpy as np
import pytest
import torch
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from mmgala.functional import class_counts_of

LABELS = [0, 2, 0, 4, 0, 1, 2, 0]
COUNTS = [4, 1, 2, 0, 1, 0]  # the last class has no samples


def count(data, num_classes=6):
    counts = class_counts_of(data, num_classes)
    assert counts.dtype == torch.int64
    return counts.tolist()


class Samples(Dataset):
    """Any data set with a length; each sample is what ``sample`` makes of a label."""

    def __init__(self, sample, labels=LABELS):
        self.sample, self.all, self.loaded = sample, labels, 0

    def __len__(self):
        return len(self.all)

    def __getitem__(self, index):
        self.loaded += 1
        if index >= len(self.all):
            raise AssertionError('a sample beyond the end was asked for')
        return self.sample(self.all[index])


class Stored(Samples):
    """A data set with its labels in an attribute, as in torchvision."""

    def __init__(self, name, stored, **attributes):
        super().__init__(lambda label: (torch.zeros(1), label))
        setattr(self, name, stored)
        for other, value in attributes.items():
            setattr(self, other, value)


class OpenMMLabSamples(Samples):
    def get_cat_ids(self, index):
        return self.sample(self.all[index])


class Stream(IterableDataset):
    def __iter__(self):
        return ((torch.zeros(1), label) for label in LABELS)


class Table:
    """As Hugging Face's data sets."""

    column_names = ('text', 'label')

    def __init__(self, names):
        self.column_names = names

    def __len__(self):
        return len(LABELS)

    def __getitem__(self, key):
        assert key == 'label'
        return LABELS


Sample = namedtuple('Sample', 'image label index')


@pytest.mark.parametrize(
    'labels',
    [
        LABELS,
        tuple(LABELS),
        torch.tensor(LABELS),
        torch.tensor(LABELS, dtype=torch.uint8),
        np.array(LABELS),
        np.array(LABELS, dtype=np.uint16),
        [np.int64(label) for label in LABELS],
        [torch.tensor(label) for label in LABELS],
        iter(LABELS),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_labels(labels):
    assert count(labels) == COUNTS


def test_labels_of_two_classes_may_be_booleans():
    assert count([True, False, False], 2) == [2, 1]
    assert count(np.array([True, False, False]), 2) == [2, 1]


@pytest.mark.parametrize(
    'sample',
    [
        lambda label: (torch.zeros(1), label),
        lambda label: [torch.zeros(1), torch.tensor(label), 'path'],
        lambda label: Sample(torch.zeros(1), label, 7),
        lambda label: dict(image=torch.zeros(1), label=label),
        lambda label: dict(input_ids=[1, 2], labels=np.int64(label)),
        lambda label: label,
    ],
    ids=['pair', 'list', 'namedtuple', 'label', 'labels', 'bare'],
)
def test_samples_of_a_data_set(sample):
    data = Samples(sample)
    assert count(data) == COUNTS
    assert data.loaded == len(LABELS)  # each once
    assert count(Samples(sample, LABELS * 3)) == [3 * n for n in COUNTS]


def test_other_data_sets():
    assert count(Stream()) == COUNTS
    assert count([(torch.zeros(1), label) for label in LABELS]) == COUNTS
    assert count(Table(['text', 'label'])) == COUNTS
    assert count(OpenMMLabSamples(lambda label: [label])) == COUNTS
    assert count(TensorDataset(torch.zeros(8, 2), torch.tensor(LABELS))) == COUNTS


@pytest.mark.parametrize('name', ['targets', 'labels'])
@pytest.mark.parametrize('stored', [LABELS, torch.tensor(LABELS), np.array(LABELS)])
def test_stored_labels_are_read_without_loading_samples(name, stored):
    data = Stored(name, stored)
    assert count(data) == COUNTS
    assert data.loaded == 0


def test_stored_labels_are_transformed_as_those_of_the_samples():
    data = Stored('targets', LABELS, target_transform=lambda label: 5 - label)
    assert count(data) == COUNTS[::-1]


def test_an_attribute_that_is_not_one_label_for_each_sample_is_not_taken():
    data = Stored('labels', ['cat', 'dog'])  # names of classes
    assert count(data) == COUNTS
    assert data.loaded == len(LABELS)


def test_parts_of_data_sets():
    whole = Stored('targets', LABELS)
    assert count(Subset(whole, [0, 2, 3])) == [2, 0, 0, 0, 1, 0]
    assert count(Subset(Subset(whole, [0, 2, 3, 3]), [2, 3])) == [0, 0, 0, 0, 2, 0]
    both = ConcatDataset([whole, Subset(whole, [5])])
    assert count(both) == [4, 2, 2, 0, 1, 0]
    assert whole.loaded == 0


def test_many_labels_equal_those_of_a_counter():
    labels = np.random.default_rng(0).zipf(1.6, 20_000) % 300
    expected = Counter(labels.tolist())
    assert count(labels, 300) == [expected[c] for c in range(300)]


@pytest.mark.parametrize(
    'numbers', [[500, 100, 20], [2, 1, 0], torch.tensor([2, 1, 0])]
)
def test_counts_are_not_taken_for_labels(numbers):
    """Three numbers for three classes are refused, in range or not."""
    with pytest.raises(ValueError, match=r'3 numbers for 3 classes.*\[\d+, \d+, \d+\]'):
        class_counts_of(numbers, 3)
    data = Stored('targets', LABELS)
    assert count(Subset(data, [0, 1, 5]), 3) == [1, 1, 1]  # no doubt with a data set


@pytest.mark.parametrize(
    ('data', 'error', 'message'),
    [
        ([0, 1, 6, 1, 1], ValueError, 'between 0 and 2 .* but got 6. If .*counts'),
        ([0, 1, -1, 1, 1], ValueError, 'but got -1'),
        ([], ValueError, 'no samples'),
        (['cat', 'dog', 'cat', 'cat'], TypeError, "but got 'cat': number the classes"),
        ([0.5, 0.25, 0.25, 0.0], TypeError, 'such as 0.5: convert'),
        (torch.eye(4), ValueError, r'got shape \(4, 4\).*argmax'),
        (5, TypeError, 'but got int: pass a list'),
        (Samples(lambda label: (0, [label, 1])), ValueError, r'got shape \(8, 2\)'),
        (Samples(lambda label: dict(image=0)), TypeError, 'those of Samples are dict'),
        (Samples(lambda label: (0,)), TypeError, 'those of Samples are tuple: pass'),
        (OpenMMLabSamples(lambda label: [0, 1]), ValueError, 'sample 0 of .* has 2'),
        (DataLoader(Samples(lambda label: (0, label))), TypeError, 'loader.dataset'),
    ],
    ids=range(12),  # addresses of objects would differ between processes
)
def test_what_cannot_be_counted_is_told_in_one_line(data, error, message):
    with pytest.raises(error, match=message) as caught:
        class_counts_of(data, 3)
    assert '\n' not in str(caught.value)
