"""Labels match the samples for every kind of selection and storage."""

import numpy as np
import pytest
from mmengine.dataset import BaseDataset as MMEngineDataset

from mmgala.datasets import LongTailedDataset, PlacesLT, count_classes

LABELS = [0, 2, 1, 0, 0, 2, 1, 0]


@pytest.fixture
def places(tmp_path):
    """Factory: a data set of these labels; image i is train/folder/i.jpg."""
    lines = (f'train/folder/{i}.jpg {label}\n' for i, label in enumerate(LABELS))
    (tmp_path / 'Places_LT_train.txt').write_text(''.join(lines))

    def make(cls=PlacesLT, **kwargs):
        return cls(str(tmp_path), classes=['a', 'b', 'c'], check_images=False, **kwargs)

    return make


def require_consistent(dataset, chosen):
    """Assert that every way to get labels returns the selected ones of LABELS."""
    names = [f'/train/folder/{i}.jpg' for i in chosen]
    labels = [LABELS[i] for i in chosen]
    assert len(dataset) == len(chosen)
    samples = [dataset[i] for i in range(len(dataset))]
    assert all(
        sample['img_path'].endswith(name)
        for sample, name in zip(samples, names, strict=True)
    )
    assert [s['gt_label'] for s in samples] == labels
    assert dataset.get_gt_labels().tolist() == labels
    assert dataset.get_gt_labels().dtype == np.int64
    assert [dataset.get_cat_ids(i) for i in range(len(dataset))] == [
        [c] for c in labels
    ]


SELECTIONS = {
    'first 3': (3, [0, 1, 2]),
    'none of the first': (0, []),
    'last 3': (-3, [5, 6, 7]),
    'some': ([6, 1, 1, 4], [6, 1, 1, 4]),
    'from the end': ([-1, 2, -2], [7, 2, 6]),
}
serialize = pytest.mark.parametrize('serialize', [True, False])
selection = pytest.mark.parametrize(
    ('indices', 'chosen'), SELECTIONS.values(), ids=list(SELECTIONS)
)


@serialize
def test_all(places, serialize):
    require_consistent(places(serialize_data=serialize), range(8))


@serialize
@selection
def test_indices(places, serialize, indices, chosen):
    dataset = places(serialize_data=serialize, indices=indices)

    require_consistent(dataset, chosen)
    assert dataset.metainfo['class_counts'] == [4, 2, 2]  # of the whole list


@serialize
@selection
def test_get_subset(places, serialize, indices, chosen):
    dataset = places(serialize_data=serialize)

    require_consistent(dataset.get_subset(indices), chosen)
    require_consistent(dataset, range(8))


@serialize
@selection
def test_get_subset_in_place(places, serialize, indices, chosen):
    dataset = places(serialize_data=serialize)
    dataset.get_subset_(indices)

    require_consistent(dataset, chosen)


@serialize
def test_subset_of_a_subset_of_indices(places, serialize):
    dataset = places(serialize_data=serialize, indices=[7, 6, 5, 4])

    require_consistent(dataset.get_subset(3).get_subset([2, 0]), [5, 7])


class WithoutMiddleClass(PlacesLT):
    def filter_data(self):
        return [info for info in self.data_list if info['gt_label'] != 1]


@serialize
def test_filter(places, serialize):
    dataset = places(WithoutMiddleClass, serialize_data=serialize)
    require_consistent(dataset, [0, 1, 3, 4, 5, 7])

    dataset = places(WithoutMiddleClass, serialize_data=serialize, indices=-2)
    require_consistent(dataset, [5, 7])


@serialize
def test_lazy_init(places, serialize):
    dataset = places(serialize_data=serialize, lazy_init=True)
    assert dataset._fully_initialized is False
    assert dataset.get_gt_labels().tolist() == LABELS

    dataset = places(serialize_data=serialize, lazy_init=True)
    assert dataset.get_cat_ids(1) == [2]
    dataset.full_init()
    dataset.full_init()
    require_consistent(dataset, range(8))


@serialize
def test_labels_are_available_without_reading_a_sample(places, serialize, monkeypatch):
    dataset = places(serialize_data=serialize)

    def refuse(self, idx):
        raise AssertionError('a sample was read')

    monkeypatch.setattr(PlacesLT, 'get_data_info', refuse)

    assert dataset.get_gt_labels().tolist() == LABELS
    assert dataset.get_cat_ids(-2) == [1]
    assert count_classes(dataset) == [4, 2, 2]


def test_returned_labels_are_a_copy(places):
    dataset = places()
    dataset.get_gt_labels()[:] = 1

    require_consistent(dataset, range(8))


def test_samples_are_serialised_as_in_mmengine(places):
    dataset, plain = places(), places(serialize_data=False)

    data, address = MMEngineDataset._serialize_data(plain)

    assert dataset.data_bytes.tobytes() == data.tobytes()
    assert dataset.data_bytes.dtype == data.dtype
    assert dataset.data_address.tolist() == address.tolist()
    assert dataset.data_list == []  # otherwise, workers would copy it


def test_given_meta_information_takes_precedence_over_counts(places):
    dataset = places(metainfo=dict(class_counts=[9, 8, 7]))

    assert dataset.metainfo['class_counts'] == [9, 8, 7]


def test_long_tailed_subset(places):
    dataset = LongTailedDataset(places(), 2, max_count=4)

    assert dataset.metainfo['class_counts'] == [4, 2, 2]
    assert dataset.metainfo['classes'] == ('a', 'b', 'c')


def test_repr_has_split_and_size(places):
    text = repr(places())

    assert 'Number of samples: \t8' in text
    assert 'Split: \ttrain' in text
