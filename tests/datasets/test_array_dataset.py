"""ArrayDataset: images and labels from NumPy files, and errors for bad files."""

import copy
import pickle

import numpy as np
import pytest

from mmgala.datasets import ArrayDataset, LongTailedDataset, count_classes

CLASSES = ('ant', 'bee', 'cat')
LABELS = {
    'train': np.array([2, 0, 1, 0, 2, 2, 1, 0, 0, 1, 2, 1]),  # four of each
    'test': np.array([1, 2, 0]),
}


def write(root, colour=True, labels=LABELS, classes=CLASSES):
    """Files whose image i is made of random pixels; returns the pixels by part."""
    root.mkdir(exist_ok=True)
    rng, images = np.random.default_rng(0), {}
    for part, of_part in labels.items():
        shape = (len(of_part), 5, 6, 3) if colour else (len(of_part), 5, 6)
        images[part] = rng.integers(0, 256, shape, dtype=np.uint8)
        np.save(root / f'{part}_images.npy', images[part])
        np.save(root / f'{part}_labels.npy', of_part)
    (root / 'classes.txt').write_text('\n'.join(classes) + '\n')
    return images


@pytest.mark.parametrize('colour', [True, False])
@pytest.mark.parametrize('part', ['train', 'test'])
def test_images_and_labels_are_those_of_the_files(tmp_path, part, colour):
    images = write(tmp_path, colour)

    data = ArrayDataset(str(tmp_path), part)

    assert data.metainfo['classes'] == CLASSES
    assert len(data) == len(LABELS[part])
    np.testing.assert_array_equal(data.get_gt_labels(), LABELS[part])
    for index, (image, label) in enumerate(
        zip(images[part], LABELS[part], strict=True)
    ):
        sample = data[index]
        np.testing.assert_array_equal(sample['img'], image)
        assert sample['gt_label'] == label
        assert data.get_cat_ids(index) == [label]


@pytest.mark.parametrize('colour', [True, False])
def test_packed_images_are_channels_first(tmp_path, colour):
    images = write(tmp_path, colour)

    data = ArrayDataset(str(tmp_path), pipeline=[dict(type='mmpretrain.PackInputs')])

    expected = images['train'][7]
    expected = expected.transpose(2, 0, 1) if colour else expected[None]
    np.testing.assert_array_equal(data[7]['inputs'].numpy(), expected)
    assert data[7]['data_samples'].gt_label.tolist() == [0]


def test_changing_a_sample_leaves_the_file_as_it_is(tmp_path):
    images = write(tmp_path)
    data = ArrayDataset(str(tmp_path))

    data[0]['img'][:] = 0

    np.testing.assert_array_equal(data[0]['img'], images['train'][0])
    np.testing.assert_array_equal(np.load(tmp_path / 'train_images.npy'),
                                  images['train'])  # fmt: skip


@pytest.mark.parametrize('seed', [0, 1])
@pytest.mark.parametrize('per_class', [1, 3])
def test_validation_part_is_held_out_of_training(tmp_path, per_class, seed):
    images = write(tmp_path)['train']

    parts = {
        split: ArrayDataset(str(tmp_path), split, val_per_class=per_class, seed=seed)
        for split in ('train', 'val')
    }

    counts = {split: count_classes(data) for split, data in parts.items()}
    assert counts == {'val': [per_class] * 3, 'train': [4 - per_class] * 3}
    seen = [
        data[i]['img'].tobytes() for data in parts.values() for i in range(len(data))
    ]
    assert sorted(seen) == sorted(image.tobytes() for image in images)


def test_validation_part_depends_only_on_the_seed(tmp_path):
    write(tmp_path, labels={**LABELS, 'train': np.repeat(np.arange(3), 30)})

    def chosen(seed, per_class):
        data = ArrayDataset(str(tmp_path), 'val', val_per_class=per_class, seed=seed)
        return [data.get_data_info(i)['index'] for i in range(len(data))]

    assert chosen(3, 10) == chosen(3, 10)
    assert chosen(3, 10) != chosen(4, 10)
    assert set(chosen(3, 5)) < set(chosen(3, 10))


def test_under_the_long_tailed_wrapper(tmp_path):
    write(tmp_path, labels={**LABELS, 'train': np.tile(np.arange(3), 20)})

    data = LongTailedDataset(ArrayDataset(str(tmp_path)), imbalance_factor=4)

    assert data.metainfo['class_counts'] == [20, 10, 5]
    assert data.metainfo['classes'] == CLASSES
    labels = [data[i]['gt_label'] for i in range(len(data))]
    assert np.bincount(labels).tolist() == [20, 10, 5]


def test_a_copy_does_not_contain_the_pixels(tmp_path):
    """Spawned workers get a copy."""
    images = write(tmp_path)['train']
    data = ArrayDataset(str(tmp_path))

    pickled = pickle.dumps(data)

    # If pixels were pickled, the bytes of this image would be found.
    assert images[3].tobytes() not in pickled
    for twin in (pickle.loads(pickled), copy.deepcopy(data), data.get_subset([0, 3])):
        assert twin[len(twin) - 1]['img'].tobytes() in {i.tobytes() for i in images}
        np.testing.assert_array_equal(twin[0]['img'], images[0])


def test_a_subset_keeps_image_and_label_together(tmp_path):
    images = write(tmp_path)['train']

    data = ArrayDataset(str(tmp_path), indices=[5, 2])

    assert data.get_gt_labels().tolist() == [2, 1]
    np.testing.assert_array_equal(data[1]['img'], images[2])


def test_class_names_can_be_replaced(tmp_path):
    write(tmp_path)
    (tmp_path / 'classes.txt').unlink()

    data = ArrayDataset(str(tmp_path), classes=['x', 'y', 'z'])

    assert data.metainfo['classes'] == ('x', 'y', 'z')


def test_windows_line_ends_in_the_list_of_classes(tmp_path):
    write(tmp_path)
    (tmp_path / 'classes.txt').write_bytes(b'\xef\xbb\xbfant\r\nbee\r\ncat\r\n')

    assert ArrayDataset(str(tmp_path)).metainfo['classes'] == CLASSES


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(split='all'), r"`split` to be one of \('train', 'val', 'test'\).*'all'"),
        (dict(split='val'), "split='val' .* `val_per_class`"),
        (dict(val_per_class=-1), '`val_per_class` .* non-negative .* got -1'),
        (dict(val_per_class=0.5), '`val_per_class` .* integer, but got 0.5'),
        (dict(val_per_class=4), r'val_per_class=4 .* class 0 \(ant\), .* 4 in'),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    write(tmp_path)
    with pytest.raises(ValueError, match=message):
        ArrayDataset(str(tmp_path), **arguments)


def test_a_class_without_images_cannot_be_held_out(tmp_path):
    write(tmp_path, classes=(*CLASSES, 'dog'))
    with pytest.raises(ValueError, match=r'val_per_class=1 .*class 3 \(dog\), .* 0 in'):
        ArrayDataset(str(tmp_path), val_per_class=1)


@pytest.mark.parametrize(
    'name', ['train_images.npy', 'train_labels.npy', 'classes.txt']
)
def test_error_for_a_missing_file_says_how_to_create_it(tmp_path, name):
    write(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(
        FileNotFoundError, match=f'{name} does not exist.*mmgala prepare ci'
    ):
        ArrayDataset(str(tmp_path))


class Program:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ('it was unpickled',)


def spoil_header(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b'(12', b'(99'))


DAMAGES = {
    'empty': lambda path: path.write_bytes(b''),
    'truncated': lambda path: path.write_bytes(path.read_bytes()[:-1]),
    'no array': lambda path: path.write_bytes(b'images'),
    'more claimed than there is': spoil_header,
    'pickle': lambda path: path.write_bytes(pickle.dumps(Program())),
    'objects': lambda path: np.save(path, np.array([Program()]), allow_pickle=True),
}


@pytest.mark.parametrize('name', ['train_images.npy', 'train_labels.npy'])
@pytest.mark.parametrize('damage', DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_named(tmp_path, name, damage):
    write(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=rf'{name} is not a readable \.npy file'):
        ArrayDataset(str(tmp_path))


def test_an_npz_archive_is_named(tmp_path):
    images = write(tmp_path)['train']
    with open(tmp_path / 'train_images.npy', 'wb') as file:
        np.savez(file, images)
    with pytest.raises(ValueError, match=r'train_images\.npy is an \.npz archive'):
        ArrayDataset(str(tmp_path))


@pytest.mark.parametrize(
    ('name', 'array', 'message'),
    [
        ('images', np.zeros((12, 5, 6, 4), np.uint8), r'got \(12, 5, 6, 4\) uint8'),
        ('images', np.zeros((12, 90), np.uint8), r'got \(12, 90\) uint8'),
        ('images', np.zeros((12, 5, 6, 3)), 'uint8 .* float64'),
        ('labels', np.zeros(11, int), r'each of the 12 images .* \(11,\) int64'),
        ('labels', np.zeros((12, 3), int), r'one integer label .* \(12, 3\) int64'),
        ('labels', np.zeros(12), r'one integer label .* float64'),
        ('labels', np.full(12, 3), 'from 0 to 2 .* from 3 to 3'),
        ('labels', np.arange(12) % 4 - 1, 'from 0 to 2 .* from -1 to 2'),
    ],
)
def test_inconsistent_arrays_are_refused(tmp_path, name, array, message):
    write(tmp_path)
    np.save(tmp_path / f'train_{name}.npy', array)
    with pytest.raises(ValueError, match=message):
        ArrayDataset(str(tmp_path))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'the file is empty'),
        (b'ant\n\ncat\n', r'classes\.txt:2: the line is empty'),
        (b'ant\nbee\nant\n', r"classes\.txt:3: .*'ant' .* line 1"),
        (b'ant\nbee\n\xff\n', r'classes\.txt:3: the line is not UTF-8'),
    ],
)
def test_bad_lists_of_classes(tmp_path, content, message):
    write(tmp_path)
    (tmp_path / 'classes.txt').write_bytes(content)
    with pytest.raises(ValueError, match=message):
        ArrayDataset(str(tmp_path))


def test_repr_names_the_folder(tmp_path):
    write(tmp_path)
    assert str(tmp_path) in repr(ArrayDataset(str(tmp_path), 'test'))
