"""Class counts of data sets with several instances per image, without MMDetection."""

import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset

from mmgala.datasets import count_classes, count_draws
from mmgala.datasets.labels import is_detection_dataset


class Scenes:
    """Images with labelled instances; a crowd instance of class c has the label ~c."""

    _fully_initialized = True

    def __init__(self, *images, classes=('a', 'b', 'c')):
        self.images = images
        self.metainfo = dict(classes=classes)

    def __len__(self):
        return len(self.images)

    def full_init(self):
        pass

    def get_data_info(self, index):
        labels = self.images[index]
        instances = [
            dict(bbox_label=max(c, ~c), ignore_flag=int(c < 0)) for c in labels
        ]
        return dict(img_path=f'{index}.png', instances=instances)

    def get_cat_ids(self, index):
        return list(self.images[index])


class Mixed:
    """Like MMDetection's MultiImageMixDataset."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.metainfo = dataset.metainfo

    def __len__(self):
        return len(self.dataset)


class Half(Mixed):
    def __len__(self):
        return len(self.dataset) // 2


def concatenated(*datasets):
    result = ConcatDataset.__new__(ConcatDataset)  # it takes only MMEngine's data sets
    result.datasets, result._metainfo = list(datasets), datasets[0].metainfo
    result.cumulative_sizes = ConcatDataset.cumsum(datasets)
    result._fully_initialized = True
    return result


def balanced(dataset, indices):
    result = ClassBalancedDataset.__new__(ClassBalancedDataset)
    result.dataset, result.repeat_indices = dataset, indices
    result._metainfo, result._fully_initialized = dataset.metainfo, True
    return result


def repeated(dataset, times):
    result = RepeatDataset.__new__(RepeatDataset)
    result.dataset, result.times, result._ori_len = dataset, times, len(dataset)
    result._metainfo, result._fully_initialized = dataset.metainfo, True
    return result


SCENES = Scenes([0, 1, 0], [], [1, ~1], [0])


@pytest.mark.parametrize(
    ('dataset', 'images', 'draws'),
    [
        (SCENES, [3, 2, 0], [3, 2, 0]),
        (concatenated(SCENES, Scenes([2])), [3, 2, 1], [3, 2, 1]),
        (concatenated(SCENES, SCENES), [3, 2, 0], [6, 4, 0]),
        (concatenated(SCENES, Scenes([0, 1, 0], [2])), [3, 2, 1], [5, 3, 1]),
        (repeated(SCENES, 3), [3, 2, 0], [9, 6, 0]),
        (balanced(SCENES, [0, 1, 2, 2, 3]), [3, 2, 0], [3, 3, 0]),
        (
            repeated(balanced(concatenated(SCENES, Scenes([2])), [3, 4, 4]), 2),
            [1, 0, 1],
            [2, 0, 4],
        ),
        (Mixed(repeated(SCENES, 2)), [3, 2, 0], [6, 4, 0]),
        (Scenes([], []), [0, 0, 0], [0, 0, 0]),
    ],
    ids=[
        'plain', 'concatenated', 'twice', 'overlapping', 'repeated', 'balanced',
        'nested', 'mixed', 'none',
    ],
)  # fmt: skip
def test_counts(dataset, images, draws):
    assert is_detection_dataset(dataset)
    assert count_classes(dataset) == images
    assert count_draws(dataset) == draws


def test_a_part_of_a_data_set_is_not_counted_as_a_whole():
    assert not is_detection_dataset(Half(SCENES))
    with pytest.raises(TypeError, match='Half has neither'):
        count_classes(Half(SCENES))


@pytest.mark.parametrize('label', [3, -7])
def test_a_label_out_of_range_names_the_image(label):
    class Odd(Scenes):
        def get_data_info(self, index):
            return dict(img_path=f'{index}.png', instances=[dict(bbox_label=label)])

    message = rf'between 0 and 2, but sample 4 of .* label {label}.*1 instances'
    with pytest.raises(ValueError, match=message):
        count_classes(concatenated(SCENES, Odd([0])))
