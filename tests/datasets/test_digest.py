"""A data set's digest changes with its labels, images and order, and nothing else."""

import os
import shutil

import cv2
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpretrain.datasets import CustomDataset

from mmgala.datasets import (
    ArrayDataset,
    CSVDataset,
    DigitsDataset,
    LongTailedDataset,
    dataset_digest,
)
from mmgala.datasets import digest as digest_module
from mmgala.datasets.digest import changed_parts

ROWS = ['path,label', *(f'im/{i}.png,{"ab"[i % 2]}' for i in range(6))]


def write(root, rows=ROWS):
    (root / 'im').mkdir(parents=True, exist_ok=True)
    for i in range(6):
        cv2.imwrite(str(root / f'im/{i}.png'), np.full((4, 4, 3), 10 * i, np.uint8))
    (root / 'a.csv').write_text('\n'.join(rows) + '\n')


def csv(root):
    return CSVDataset(ann_file='a.csv', data_root=str(root))


def digest(root):
    return dataset_digest(csv(root)).as_dict()


@pytest.fixture
def root(tmp_path):
    write(tmp_path / 'data')
    return tmp_path / 'data'


@pytest.fixture(params=['content', 'times'])
def by(request, monkeypatch):
    """Whether images are compared by content, or by size and time."""
    if request.param == 'times':
        monkeypatch.setattr(digest_module, 'CONTENT_BYTES', 0)
    return request.param


def test_same_files_have_the_same_digest(root, by):
    assert digest(root) == digest(root)


def test_corrected_label(root, by):
    before = digest(root)
    write(root, [*ROWS[:-1], 'im/5.png,a'])

    now = digest(root)

    assert changed_parts(dict(test=before), dict(test=now))['test'].startswith('labels')
    assert before['counts'] != now['counts']
    assert before['classes'] == now['classes']


def test_exchanged_labels_are_noticed_although_the_counts_agree(root):
    before = digest(root)
    write(root, [*ROWS[:-2], 'im/4.png,b', 'im/5.png,a'])

    now = digest(root)

    assert changed_parts(dict(val=before), dict(val=now)) == {'val': 'labels'}
    assert before['counts'] == now['counts']


def test_image_that_was_changed_in_place(root, by):
    before = digest(root)
    path = root / 'im/3.png'
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))

    now = digest(root)

    assert changed_parts(dict(a=before), dict(a=now)) == {'a': 'image files'}


def test_copies_of_small_data_sets_are_the_same(root, tmp_path):
    before = digest(root)
    shutil.copytree(root, tmp_path / 'copy', copy_function=shutil.copy)
    for path in (tmp_path / 'copy/im').iterdir():
        os.utime(path, ns=(1, 1))

    assert digest(tmp_path / 'copy') == before


def test_renamed_class(root):
    before = digest(root)
    write(root, [row.replace(',b', ',c') for row in ROWS])

    assert changed_parts(dict(a=before), dict(a=digest(root))) == {'a': 'classes'}


def test_further_image(root):
    before = digest(root)
    cv2.imwrite(str(root / 'im/6.png'), np.zeros((4, 4, 3), np.uint8))
    write(root, [*ROWS, 'im/6.png,a'])

    assert digest(root)['files'] != before['files']


def test_class_that_appears_or_disappears_in_folders(tmp_path):
    for name in ('a', 'b'):
        write(tmp_path / name)
    before = dataset_digest(CustomDataset(data_root=str(tmp_path)))
    shutil.rmtree(tmp_path / 'b')

    now = dataset_digest(CustomDataset(data_root=str(tmp_path)))

    assert now.classes != before.classes
    assert now.labels != before.labels


def test_wrappers_count(root):
    plain = csv(root)
    kinds = [
        plain,
        RepeatDataset(plain, times=2),
        ConcatDataset([plain, csv(root)]),
        LongTailedDataset(plain, imbalance_factor=3),
    ]

    files = {dataset_digest(dataset).files for dataset in kinds}

    assert len(files) == len(kinds)


def test_subset_of_another_seed():
    digests = {
        dataset_digest(
            LongTailedDataset(DigitsDataset(), imbalance_factor=10, seed=seed)
        ).files
        for seed in (0, 0, 1)
    }
    assert len(digests) == 2


def test_images_in_arrays(tmp_path, by):
    def save(images):
        np.save(tmp_path / 'train_images.npy', images)
        np.save(tmp_path / 'train_labels.npy', np.arange(4) % 2)
        (tmp_path / 'classes.txt').write_text('a\nb\n')
        return dataset_digest(ArrayDataset(str(tmp_path)))

    images = np.zeros((4, 2, 2), np.uint8)
    before = save(images)
    images[0, 0, 0] = 1
    path = tmp_path / 'train_images.npy'

    now = save(images)
    os.utime(path, ns=(1, 1))

    assert now.files != before.files
    assert now.labels == before.labels


def test_split_that_appears():
    now = dict(train=dict(labels='a'), val=dict(labels='b'))
    assert changed_parts(dict(train=dict(labels='a')), now) == {'val': 'presence'}
