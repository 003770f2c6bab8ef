"""Labels of every data set become indices into the training classes."""

import json
import pickle

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpretrain.datasets import CustomDataset, KFoldDataset, MultiLabelDataset
from torch.utils.data import DataLoader

from mmgala.datasets import (
    CSVDataset,
    DigitsDataset,
    LongTailedDataset,
    align_classes,
    dataset_labels,
)
from tests.datasets.class_folders import folder_set, names_by_file

TRAINING = ('a0', 'a1', 'a2', 'a3')
WITHOUT_A1 = dict(a0=3, a2=4, a3=5)


@pytest.fixture(autouse=True)
def _mmpretrain_scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def lines(monkeypatch):
    """Lines that are logged to the current logger."""
    found = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(
        logger, 'log', lambda level, text, *args, **kwargs: found.append(text)
    )
    monkeypatch.setattr(logger, 'handle', lambda record: found.append(record.msg))
    return found


WRAPPERS = {
    'none': lambda dataset: dataset,
    'concat': lambda dataset: ConcatDataset([dataset]),
    'repeat': lambda dataset: RepeatDataset(dataset, times=2),
    'class-balanced': lambda dataset: ClassBalancedDataset(dataset, oversample_thr=0.5),
    'long-tailed': lambda dataset: LongTailedDataset(dataset, imbalance_factor=1.5),
    'two': lambda dataset: ConcatDataset([RepeatDataset(dataset, 2).dataset] * 2),
}


@pytest.mark.parametrize('serialize', [True, False])
@pytest.mark.parametrize('wrapper', WRAPPERS)
def test_labels_name_the_folders_in_every_wrapper(tmp_path, wrapper, serialize):
    inner = folder_set(tmp_path, WITHOUT_A1, serialize_data=serialize)
    dataset = WRAPPERS[wrapper](inner)

    assert align_classes(dataset, TRAINING)

    folders, names = names_by_file(dataset, TRAINING)
    assert names == folders
    assert [TRAINING[c] for c in dataset_labels(dataset)] == folders
    assert dataset.metainfo['classes'] == TRAINING


@pytest.mark.parametrize('test_mode', [True, False])
def test_folds_are_aligned(tmp_path, test_mode):
    folder_set(tmp_path, WITHOUT_A1)
    inner = dict(type='CustomDataset', data_root=str(tmp_path))
    dataset = KFoldDataset(inner, fold=1, num_splits=3, test_mode=test_mode, seed=0)

    align_classes(dataset, TRAINING)

    folders, names = names_by_file(dataset, TRAINING)
    assert names == folders


def test_parts_with_different_lists_are_aligned_each(tmp_path):
    parts = [
        folder_set(tmp_path / 'first', dict(a0=2, a3=1)),
        folder_set(tmp_path / 'second', dict(a3=2, a1=2)),
    ]
    dataset = ConcatDataset(parts, ignore_keys=['classes'])

    align_classes(dataset, TRAINING)

    assert dataset_labels(dataset).tolist() == [0, 0, 3, 1, 1, 3, 3]


def test_other_orders_are_aligned(tmp_path):
    """Text order of folders, and numeric order of a table."""
    ten = {str(c): 1 for c in range(11)}
    dataset = folder_set(tmp_path, ten)
    assert dataset.metainfo['classes'][2] == '10'

    align_classes(dataset, tuple(ten))

    assert (
        names_by_file(dataset, tuple(ten))[1] == names_by_file(dataset, tuple(ten))[0]
    )


def test_equal_lists_are_left_alone(tmp_path, lines):
    dataset = folder_set(tmp_path, WITHOUT_A1)
    content = dataset.data_bytes

    assert not align_classes(dataset, ('a0', 'a2', 'a3'))

    assert dataset.data_bytes is content
    assert lines == []


def test_missing_classes_are_named(tmp_path, lines):
    align_classes(folder_set(tmp_path, WITHOUT_A1), TRAINING, 'the validation set')

    (line,) = lines
    assert '1 of the 4 training classes: a1' in line
    assert 'validation set' in line


def test_unknown_classes_are_refused(tmp_path):
    dataset = folder_set(tmp_path, dict(a0=1, zebra=7))

    with pytest.raises(
        ValueError, match=r'7 samples of 1 class.*: zebra .*match'
    ) as error:
        align_classes(dataset, TRAINING, 'the validation set')

    assert str(tmp_path) in str(error.value)
    assert 'a0, a1, a2, a3' in str(error.value)


@pytest.mark.parametrize('name', ['.ipynb_checkpoints', 'zebra'])
def test_folders_without_images_are_no_classes(tmp_path, name):
    dataset = folder_set(tmp_path, {name: 0, **WITHOUT_A1})
    assert name in dataset.metainfo['classes']

    align_classes(dataset, TRAINING)

    folders, names = names_by_file(dataset, TRAINING)
    assert names == folders


@pytest.mark.slow
def test_aligned_data_sets_survive_pickling_and_spawned_workers(tmp_path):
    dataset = folder_set(
        tmp_path,
        WITHOUT_A1,
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    )
    align_classes(dataset, TRAINING)

    loader = DataLoader(
        dataset, num_workers=1, collate_fn=list, multiprocessing_context='spawn'
    )
    samples = [batch[0] for batch in loader]

    grey = [int(sample['inputs'][0, 0, 0]) // 20 for sample in samples]
    assert [int(s['data_samples'].gt_label) for s in samples] == grey
    copied = pickle.loads(pickle.dumps(dataset))
    assert (dataset_labels(copied) == dataset_labels(dataset)).all()


def write_csv(folder, name, labels):
    for index in range(len(labels)):
        (folder / f'{name}{index}.png').touch()
    rows = [f'{name}{index}.png,{label}' for index, label in enumerate(labels)]
    (folder / f'{name}.csv').write_text('\n'.join(['path,label', *rows]) + '\n')
    return CSVDataset(f'{name}.csv', data_root=str(folder), test_mode=True)


def test_tables_of_their_own_are_aligned(tmp_path):
    train = write_csv(tmp_path, 'train', ['owl', 'jay', 'tit', 'jay'])
    val = write_csv(tmp_path, 'val', ['tit', 'jay', 'tit'])
    assert val.get_gt_labels().tolist() == [1, 0, 1]

    align_classes(val, train.metainfo['classes'])

    assert val.get_gt_labels().tolist() == [2, 0, 2]
    assert val.get_cat_ids(0) == [2]
    assert val.get_subset([0]).get_gt_labels().tolist() == [2]


def test_class_counts_follow_their_classes(tmp_path):
    """Known counts are re-ordered; with a class more, they are unknown."""
    table = write_csv(tmp_path, 'both', ['b', 'a', 'b'])
    other = write_csv(tmp_path, 'more', ['b', 'a', 'b'])
    assert table.metainfo['class_counts'] == [1, 2]

    align_classes(table, ['b', 'a'])
    align_classes(other, ['b', 'a', 'c'])

    assert table.metainfo['class_counts'] == [2, 1]
    assert 'class_counts' not in other.metainfo


def test_several_labels_per_sample_are_aligned(tmp_path):
    path = tmp_path / 'several.json'
    samples = [
        dict(img_path='0.png', gt_label=[0, 1]),
        dict(img_path='1.png', gt_label=[1]),
    ]
    path.write_text(
        json.dumps(dict(metainfo={'classes': ['x', 'z']}, data_list=samples))
    )
    dataset = MultiLabelDataset(str(path))

    align_classes(dataset, ['x', 'y', 'z'])

    assert dataset.get_cat_ids(0) == [0, 2]
    assert dataset.get_cat_ids(1) == [2]


def test_composed_and_decomposed_names_are_equal(tmp_path):
    dataset = folder_set(tmp_path, {'cafe\u0301': 1})

    align_classes(dataset, ['bar', 'caf\u00e9'])

    assert dataset_labels(dataset).tolist() == [1]


def test_lists_that_cannot_be_compared_keep_positions(tmp_path, lines):
    """A list without names, or one that only numbers the classes."""
    (tmp_path / 'list.txt').write_text('0.png 0\n1.png 2\n')
    unnamed = CustomDataset(ann_file=str(tmp_path / 'list.txt'))
    align_classes(unnamed, ['x', 'y', 'z'])
    numbered = DigitsDataset('val', 1, 1)
    align_classes(numbered, 'abcdefghij', 'the validation set')

    assert dataset_labels(unnamed).tolist() == [0, 2]
    assert numbered.metainfo['classes'] == tuple('abcdefghij')
    assert dataset_labels(numbered).max() == 9
    assert ['positions' in line for line in lines] == [True, True]


def test_used_names_that_occur_twice_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'a0' occurs twice.*own name"):
        align_classes(folder_set(tmp_path, dict(a0=1)), ['a0', 'a1', 'a0'])


def test_labels_without_a_name_are_refused(tmp_path):
    (tmp_path / 'list.txt').write_text('0.png 0\n1.png 2\n')
    dataset = CustomDataset(ann_file=str(tmp_path / 'list.txt'), classes=['x', 'y'])

    with pytest.raises(ValueError, match=r'label 2.*2 classes'):
        align_classes(dataset, ['y', 'x'])


class Unchangeable:
    """A data set that is not MMEngine's."""

    metainfo = dict(classes=('b', 'a'))

    def __len__(self):
        return 2

    def get_gt_labels(self):
        return np.array([0, 1])


class OwnLabels(CustomDataset):
    """A data set that stores its labels elsewhere."""

    def full_init(self):
        super().full_init()
        self.stored = [info['gt_label'] for info in map(self.get_data_info, range(2))]

    def get_gt_labels(self):
        return np.array(self.stored)


def test_sets_that_cannot_be_relabelled_are_refused(tmp_path):
    folder_set(tmp_path, dict(a=1, b=1))
    for dataset in (Unchangeable(), OwnLabels(data_root=str(tmp_path))):
        with pytest.raises(TypeError, match=r'cannot be changed.*`classes`'):
            align_classes(dataset, ['a', 'c', 'b'])
