"""PlanktonSet's splits are fixed, stratified and disjoint, and have training counts."""

import hashlib
import zipfile
from collections import Counter

import numpy as np
import pytest

from mmgala.datasets import PlanktonSet
from mmgala.datasets.class_counts import plankton_class_counts
from mmgala.datasets.plankton import HELD_OUT_PERCENT, hashed_split
from mmgala.functional import shot_groups
from tests.miniature_plankton import COUNTS, write_plankton

SPLITS = ('train', 'val', 'test')
# 15 and 25 percent of 25, 16, 6 and 3 to the nearest whole number, at least one; what
# is left is for training.
EXPECTED = {'train': [15, 10, 3, 1], 'val': [4, 2, 1, 1], 'test': [6, 4, 2, 1]}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_plankton(tmp_path_factory.mktemp('plankton') / 'set')


@pytest.fixture(scope='module')
def parts(root):
    return {split: PlanktonSet(str(root), split) for split in SPLITS}


def test_counts_of_each_part(parts):
    for split, data in parts.items():
        assert np.bincount(data.get_gt_labels()).tolist() == EXPECTED[split]


def test_training_counts_are_known_in_every_part(parts):
    for data in parts.values():
        assert data.metainfo['class_counts'] == EXPECTED['train']
        assert data.metainfo['classes'] == tuple(COUNTS)


def test_each_image_is_in_one_part_with_its_label(parts, root):
    images, labels = np.load(root / 'images.npy'), np.load(root / 'labels.npy')

    seen = []
    for data in parts.values():
        for i in range(len(data)):
            sample = data[i]
            index = data.get_data_info(i)['index']
            np.testing.assert_array_equal(sample['img'], images[index])
            assert sample['gt_label'] == labels[index]
            seen.append(index)
    assert sorted(seen) == list(range(len(labels)))


def test_the_split_follows_the_hashes(parts, root):
    """Computed independently, by sorting."""
    names = (root / 'names.txt').read_text().split()
    held_out = set()
    for name, val, test in zip(COUNTS, EXPECTED['val'], EXPECTED['test'], strict=True):
        members = [n for n in names if n.startswith(f'{name}/')]
        members.sort(key=lambda n: hashlib.sha256(n.encode()).hexdigest())
        held_out |= set(members[: val + test])

    train = [parts['train'].get_data_info(i)['index'] for i in range(29)]
    assert {names[i] for i in train} == set(names) - held_out


def test_a_subset_keeps_the_training_counts(root):
    data = PlanktonSet(str(root), 'val', indices=3)

    assert len(data) == 3
    assert data.metainfo['class_counts'] == EXPECTED['train']


@pytest.mark.parametrize(
    'name', ['images.npy', 'labels.npy', 'names.txt', 'classes.txt']
)
def test_error_for_a_missing_file_says_how_to_create_it(tmp_path, name):
    root = write_plankton(tmp_path / 'set')
    (root / name).unlink()
    with pytest.raises(FileNotFoundError, match=f'{name} .*mmgala prepare plankton'):
        PlanktonSet(str(root))


def test_names_must_match_the_images(tmp_path):
    root = write_plankton(tmp_path / 'set')
    (root / 'names.txt').write_text('amphipods/1.jpg\n')
    with pytest.raises(ValueError, match=r'the 50 images in .*names\.txt, but got 1'):
        PlanktonSet(str(root))


def test_an_unknown_split_is_refused(root):
    with pytest.raises(ValueError, match=r"`split` to be one of \('train', .*'all'"):
        PlanktonSet(str(root), 'all')


def test_the_whole_set_has_its_published_size():
    counts = list(plankton_class_counts().values())

    assert (len(counts), sum(counts), max(counts), min(counts)) == (121, 30336, 1979, 9)
    many, medium, few = shot_groups(counts)
    assert (len(many), len(medium), len(few)) == (66, 43, 12)
    assert list(plankton_class_counts()) == sorted(plankton_class_counts())


@pytest.fixture(scope='module')
def real_names(shared_dir):
    """`class/file` of all images of the real set."""
    path = shared_dir / 'data/plankton.zip'
    if not path.is_file():
        pytest.skip(f'{path} is not here: the real set cannot be compared')
    with zipfile.ZipFile(path) as archive:
        return [name.partition('/')[2] for name in archive.namelist()]


def test_counts_are_those_of_the_real_set(real_names):
    found = Counter(name.partition('/')[0] for name in real_names)
    assert found == plankton_class_counts()


def test_split_of_the_real_set(real_names):
    classes = list(plankton_class_counts())
    labels = np.array([classes.index(n.partition('/')[0]) for n in real_names])

    parts = hashed_split(real_names, labels, HELD_OUT_PERCENT)

    counts = {s: np.bincount(labels[parts == s], minlength=121) for s in SPLITS}
    # As in the config and the documentation.
    assert {s: int(n.sum()) for s, n in counts.items()} == {
        'train': 18190, 'val': 4549, 'test': 7597
    }  # fmt: skip
    assert (counts['train'].max(), counts['train'].min()) == (1187, 5)
    assert min(n.min() for n in counts.values()) == 1
