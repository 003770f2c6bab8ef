"""PlanktonSet is saved as grey squares in a fixed order, from every form of source."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmgala.datasets import PlanktonSet
from mmgala.preparation import check, find_data_set, make_plan
from mmgala.preparation.images import as_square
from mmgala.preparation.plankton import SHA256
from tests.miniature_plankton import COUNTS, jpeg_files
from tests.preparation.archives import checksum, made_files, tar
from tests.preparation.tiny_cifar import unpack, zipped
from tests.preparation.tiny_set import prepare


@pytest.fixture
def entry(monkeypatch):
    """The catalogue's entry, for four classes."""
    monkeypatch.setattr('mmgala.preparation.plankton.official_counts', lambda: COUNTS)
    monkeypatch.setattr('mmgala.preparation.plankton.SHA256', {})
    return find_data_set('plankton')


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'train.zip'
    path.write_bytes(zipped(below('train/')))
    return path


def below(folder):
    return {folder + name: content for name, content in jpeg_files().items()}


def test_images_are_sorted_by_class_and_name(entry, source, root):
    prepare(entry, root, source)

    names = sorted(jpeg_files())
    assert (root / 'names.txt').read_text().splitlines() == names
    assert (root / 'classes.txt').read_text().splitlines() == list(COUNTS)
    labels = [list(COUNTS).index(name.partition('/')[0]) for name in names]
    np.testing.assert_array_equal(np.load(root / 'labels.npy'), labels)
    images = np.load(root / 'images.npy')
    assert (images.shape, images.dtype) == ((50, 64, 64), np.uint8)
    for image, name in zip(images, names, strict=True):
        picture = Image.open(io.BytesIO(jpeg_files()[name]))
        np.testing.assert_array_equal(image, as_square(picture, 64))


@pytest.mark.parametrize(
    'form', ['folder', 'deep folder', 'tar', 'packed tar', 'zip', 'competition']
)
def test_every_form_gives_the_same_files(entry, source, root, tmp_path, form):
    prepare(entry, root, source)
    other = tmp_path / 'other'
    if form == 'folder':
        unpack(below(''), other)
    elif form == 'deep folder':
        unpack(below('plankton/data/train/'), other)
    elif form == 'zip':
        other.write_bytes(zipped(dict(sorted(below('plankton/').items())[::-1])))
    elif form == 'competition':  # with its unlabelled test images
        test = {f'competition-data/test/{i}.jpg': b'?' for i in range(5)}
        other.write_bytes(zipped({**below('competition-data/train/'), **test}))
    else:
        other.write_bytes(tar(below('./plankton/'), packed=form == 'packed tar'))

    prepare(entry, tmp_path / 'again', other)

    assert made_files(tmp_path / 'again') == made_files(root)


def test_the_data_set_reads_the_prepared_files(entry, source, root):
    prepare(entry, root, source)

    parts = {s: PlanktonSet(str(root), s) for s in ('train', 'val', 'test')}

    # 15 and 25 percent of 25, 16, 6 and 3, at least one; the rest is for training.
    counts = {s: np.bincount(d.get_gt_labels()).tolist() for s, d in parts.items()}
    assert counts == {
        'train': [15, 10, 3, 1],
        'val': [4, 2, 1, 1],
        'test': [6, 4, 2, 1],
    }
    assert [line.split() for line in check(entry, root).table().splitlines()] == [
        ['split', 'expected', 'found', 'classes', 'min', 'max'],
        ['train', '29', '29', '4', '1', '15'],
        ['val', '8', '8', '4', '1', '4'],
        ['test', '13', '13', '4', '1', '6'],
    ]


def refused(message, entry, source, root):
    with pytest.raises(ValueError, match=message) as error:
        prepare(entry, root, source)
    assert '\n' not in str(error.value)
    assert list(root.iterdir()) == []


def jpeg(size, mode='RGB'):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, 'JPEG')
    return buffer.getvalue()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            jpeg((1025, 3)),
            r'first\.jpg .* expected RGB or L and at most 1024 .* 1025 x 3',
        ),
        (jpeg((9, 9), 'CMYK'), r'first\.jpg .*got CMYK'),
        (jpeg((9, 9))[:300], r'first\.jpg in .*train\.zip cannot be used'),
        (b'GIF89a', r'first\.jpg in .*train\.zip is not a JPEG image'),
        (bytes(2_000_000), 'at most 1,048,576 bytes, .* 2,000,000'),
    ],
)
def test_bad_images_are_named(entry, source, root, content, message):
    files = below('train/')
    files.pop(next(name for name in files if '/ephyra/' in name))
    source.write_bytes(zipped({'train/ephyra/first.jpg': content, **files}))

    refused(message, entry, source, root)


def test_a_grey_jpeg_is_accepted(entry, source, root):
    files = below('train/')
    name = next(name for name in files if '/ephyra/' in name)
    source.write_bytes(zipped({**files, name: jpeg((9, 9), 'L')}))

    prepare(entry, root, source)

    index = (root / 'names.txt').read_text().split().index(name.removeprefix('train/'))
    assert np.load(root / 'images.npy')[index].min() == 0


@pytest.mark.parametrize('number', [-1, 1])
def test_other_counts_are_refused(entry, source, root, number):
    files = below('train/')
    if number < 0:
        files.pop(next(name for name in files if '/heteropod/' in name))
        message = r'class 3 has 2 \(expected 3\)'
    else:
        files['train/heteropod/1.jpg'] = jpeg((9, 9))
        message = 'expected 50 images, .* more'
    source.write_bytes(zipped(files))

    refused(message, entry, source, root)


def test_other_names_are_refused_as_they_would_change_the_split(entry, source, root):
    (part,) = entry.parts
    names = '\n'.join([*sorted(jpeg_files()), '']).encode()
    files = {**part.files, 'names.txt': checksum('sha256', names)}
    entry = replace(entry, parts=[replace(part, files=files)])
    renamed = {name.replace('.jpg', '_.jpg'): c for name, c in below('train/').items()}
    prepare(entry, root.with_name('right'), source)

    source.write_bytes(zipped(renamed))

    refused('published names: .* names.txt differs', entry, source, root)


def test_error_without_a_source_says_how_to_get_the_set(entry, root):
    plan = make_plan(entry, root)
    assert [part.source for part in plan.by_hand] == ['train.zip']
    with pytest.raises(
        FileNotFoundError, match=r'train\.zip must be downloaded by hand'
    ):
        prepare(entry, root)


@pytest.mark.parametrize('size', [(64, 64), (30, 50), (51, 1)])
def test_an_image_that_fits_keeps_its_scale(size):
    pixels = np.random.default_rng(0).integers(0, 256, size[::-1], dtype=np.uint8)

    square = as_square(Image.fromarray(pixels), 64)

    assert (square.shape, square.dtype) == ((64, 64), np.uint8)
    top, left = (64 - size[1]) // 2, (64 - size[0]) // 2
    inside = square[top : top + size[1], left : left + size[0]]
    np.testing.assert_array_equal(inside, pixels)
    assert int(square.astype(int).sum()) == int(pixels.sum()) + 255 * (
        64 * 64 - pixels.size
    )


@pytest.mark.parametrize(
    ('size', 'inside'),
    [((128, 64), (64, 32)), ((64, 256), (16, 64)), ((428, 3), (64, 1))],
)
def test_a_larger_image_is_shrunk_with_its_aspect_ratio(size, inside):
    square = as_square(Image.new('RGB', size, (90, 90, 90)), 64)

    rows, columns = np.nonzero(square < 255)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == inside
    assert set(np.unique(square)) == {90, 255}
    assert abs(columns.min() + columns.max() - 63) <= 1  # in the middle
    assert abs(rows.min() + rows.max() - 63) <= 1


def test_published_checksums_follow_from_the_real_names(shared_dir):
    path = shared_dir / 'data/plankton.zip'
    if not path.is_file():
        pytest.skip(f'{path} is not here: the real set cannot be compared')
    with zipfile.ZipFile(path) as archive:
        names = sorted(name.partition('/')[2] for name in archive.namelist())
    classes = sorted({name.partition('/')[0] for name in names})
    buffer = io.BytesIO()
    np.save(buffer, np.array([classes.index(n.partition('/')[0]) for n in names]))

    contents = {
        'labels.npy': buffer.getvalue(),
        'names.txt': '\n'.join([*names, '']).encode(),
        'classes.txt': '\n'.join([*classes, '']).encode(),
    }
    assert {n: checksum('sha256', c).value for n, c in contents.items()} == SHA256
