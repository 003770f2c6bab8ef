"""Labels and class counts of wrapped and unwrapped data sets, and errors for others."""

import json

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpretrain.datasets import BaseDataset, CustomDataset, MultiLabelDataset

from mmgala.datasets import count_classes, dataset_labels


class CatIdsOnly:
    """A data set that returns its labels one by one, as MMEngine's wrappers do."""

    def __init__(self, cat_ids):
        self.cat_ids = cat_ids

    def __len__(self):
        return len(self.cat_ids)

    def get_cat_ids(self, idx):
        return self.cat_ids[idx]


def test_labels_of_a_data_set(labelled):
    labels = dataset_labels(labelled([2, 0, 1, 2]))

    assert labels.tolist() == [2, 0, 1, 2]
    assert labels.dtype == np.int64


def test_labels_of_concatenated_and_repeated_data_sets(labelled):
    both = ConcatDataset([labelled([2, 2]), labelled([1, 0, 0])])
    repeated = RepeatDataset(labelled([1, 0, 2]), times=2)

    assert dataset_labels(both).tolist() == [2, 2, 1, 0, 0]
    assert dataset_labels(repeated).tolist() == [1, 0, 2, 1, 0, 2]
    for data in (both, repeated):
        yielded = [data[i]['gt_label'] for i in range(len(data))]
        assert dataset_labels(data).tolist() == yielded


def test_labels_of_a_data_set_with_category_ids_only():
    assert dataset_labels(CatIdsOnly([[3], [1]])).tolist() == [3, 1]


@pytest.mark.parametrize(
    ('named', 'asked', 'counts'),
    [
        (None, None, [1, 0, 3]),
        (4, None, [1, 0, 3, 0]),
        (None, 5, [1, 0, 3, 0, 0]),
        (4, 3, [1, 0, 3]),
    ],
    ids=['largest label', 'names', 'argument', 'argument before names'],
)
def test_counts_cover_all_classes(labelled, named, asked, counts):
    assert count_classes(labelled([2, 2, 0, 2], named), asked) == counts


def test_counts_without_meta_information():
    assert count_classes(CatIdsOnly([[0], [2], [2]])) == [1, 0, 2]


@pytest.mark.parametrize(
    ('labels', 'index', 'label'), [([0, 1, 3, 3], 2, 3), ([0, -1, 2], 1, -1)]
)
def test_label_out_of_range_names_sample_and_path(labelled, labels, index, label):
    message = (
        rf'between 0 and 2, but sample {index} of BaseDataset has label {label} '
        rf'\({index}\.png\) \({labels.count(label)} samples '
    )
    with pytest.raises(ValueError, match=message):
        count_classes(labelled(labels, num_classes=3))


def test_label_out_of_range_inside_a_wrapper_names_its_path(labelled):
    good, bad = labelled([0, 1], 2), labelled([1, 7], 2)

    with pytest.raises(ValueError, match=r'sample 3 of .*label 7 \(1\.png\)'):
        count_classes(ConcatDataset([good, bad]))


def test_negative_label_is_refused_if_the_number_of_classes_is_unknown(labelled):
    with pytest.raises(ValueError, match='sample 1 of BaseDataset has label -2'):
        count_classes(labelled([0, -2]))


@pytest.fixture
def multi_label(tmp_path):
    def make(labels):
        samples = [{'img_path': 'x.png', 'gt_label': label} for label in labels]
        content = {'metainfo': {'classes': ['a', 'b']}, 'data_list': samples}
        path = tmp_path / 'multi_label.json'
        path.write_text(json.dumps(content))
        return MultiLabelDataset(ann_file=str(path))

    return make


@pytest.mark.parametrize(
    'labels', [[[0], [0, 1]], [[0], [1]], [[0, 1], [0, 1]]], ids=str
)
def test_multi_label_data_set_is_refused(multi_label, labels):
    with pytest.raises(ValueError, match='multi-label data sets are not supported'):
        dataset_labels(multi_label(labels))


def test_several_category_ids_are_refused_with_the_sample():
    with pytest.raises(ValueError, match='sample 1 of CatIdsOnly has 2: multi-label'):
        dataset_labels(CatIdsOnly([[0], [0, 1]]))


def test_unlabelled_data_set_is_refused(image_folder):
    unlabelled = CustomDataset(data_root=image_folder.data_root, with_label=False)

    with pytest.raises(
        ValueError, match="CustomDataset has samples without 'gt_label'"
    ):
        dataset_labels(unlabelled)


def test_floating_labels_are_refused(labelled):
    with pytest.raises(ValueError, match='one integer label per sample.*float64'):
        dataset_labels(labelled([0.5, 1.0]))


def test_data_set_without_labels_is_refused():
    with pytest.raises(TypeError, match='`get_gt_labels`.*list has neither'):
        dataset_labels([1, 2])


def test_mmpretrain_data_set_is_the_reference(image_folder):
    assert isinstance(image_folder, BaseDataset)
    assert count_classes(image_folder) == [8, 5, 2]
