"""Unsafe sources and ones other than CIFAR give one-line errors and leave no files."""

import io
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmgala.preparation import check, make_plan
from tests.preparation.archives import checksum, tar
from tests.preparation.refusing import refused
from tests.preparation.tiny_cifar import SPLITS, Images, png, unpack, zipped
from tests.preparation.tiny_set import prepare


class Program:
    """Creates a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('place', ['folder', 'zip'])
def test_a_pickle_with_another_checksum_is_not_unpickled(tmp_path, root, place):
    images = Images('cifar10')
    files = images.official_files()
    files['cifar-10-batches-py/data_batch_3'] = pickle.dumps(Program(tmp_path / 'ran'))
    source = tmp_path / 'source'
    if place == 'zip':
        source.write_bytes(zipped(files))
    else:
        unpack(files, source)

    refused('data_batch_3 in .* is not the published file .md5 ', images, source, root)

    assert not (tmp_path / 'ran').exists()


PROGRAMS = {
    'alone': lambda program: program,
    'as images': lambda program: {'data': program, 'fine_labels': [], 'filenames': []},
    'in an array': lambda program: np.array([program], dtype=object),
}


@pytest.mark.parametrize('wrap', PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize('protocol', range(5))
def test_a_pickle_with_the_right_checksum_cannot_run_code(
    tmp_path, root, wrap, protocol, monkeypatch
):
    images = Images()
    files = images.official_files()
    program = pickle.dumps(wrap(Program(tmp_path / 'ran')), protocol=protocol)
    files['cifar-100-python/train'] = program
    monkeypatch.setattr(images, 'official_files', lambda: files)
    (tmp_path / 'source.zip').write_bytes(zipped(files))

    message = 'cifar-100-python/train in .* is not a batch of CIFAR .*it refers to '
    refused(message, images, tmp_path / 'source.zip', root)

    assert not (tmp_path / 'ran').exists()


BATCHES = {
    'no dict': [1, 2],
    'no names': {'data': np.zeros((2, 3072), np.uint8), 'fine_labels': [0, 1]},
    'other type': {'data': np.zeros((2, 3072)), 'fine_labels': [0, 1],
                   'filenames': ['a', 'b']},
    'other size': {'data': np.zeros((2, 3000), np.uint8), 'fine_labels': [0, 1],
                   'filenames': ['a', 'b']},
    'fewer labels': {'data': np.zeros((2, 3072), np.uint8), 'fine_labels': [0],
                     'filenames': ['a', 'b']},
}  # fmt: skip


@pytest.mark.parametrize('batch', BATCHES.values(), ids=BATCHES)
def test_a_pickle_of_other_content_is_refused(tmp_path, root, monkeypatch, batch):
    images = Images()
    files = images.official_files()
    files['cifar-100-python/test'] = pickle.dumps(batch, protocol=4)
    monkeypatch.setattr(images, 'official_files', lambda: files)
    (tmp_path / 'source.zip').write_bytes(zipped(files))

    message = 'cifar-100-python/test in .* is not a batch of CIFAR'
    refused(message, images, tmp_path / 'source.zip', root)


def with_file(name, content):
    return lambda files: {**files, name: content}


def without(name):
    return lambda files: {k: v for k, v in files.items() if f'/{name}/' not in k}


def without_first(split):
    def change(files):
        first = next(name for name in files if f'/{split}/' in name)
        return {name: content for name, content in files.items() if name != first}

    return change


def extra(content, name='top/train/bear/thing_s_000901.png'):
    """One image of class 1 is exchanged, so that the counts stay."""

    def change(files):
        gone = next(path for path in files if path.startswith('top/train/bear/'))
        return {name: content, **{k: v for k, v in files.items() if k != gone}}

    return change


def header_only(width, height):
    """A PNG file that claims a size, and has next to no data."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))

    size = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', size) + chunk(b'IDAT', data)
            + chunk(b'IEND', b''))  # fmt: skip


def as_jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'JPEG')
    return buffer.getvalue()


GREY = np.zeros((32, 32), np.uint8)
COLOUR = np.zeros((32, 32, 3), np.uint8)
BAD = {
    'too few': (without_first('train'), 'train images .* has 9 .expected 10'),
    'a class too few': (without('cup'), r'class 2 has 0 \(expected 10\)'),
    'one more': (
        with_file('top/test/cup/zz.png', png(COLOUR)),
        'test images .* expected 6 images, .* more',
    ),
    'one more of a class, one less of another': (
        lambda files: {
            **without_first('train')(files),
            'top/train/cup/zz.png': png(COLOUR),
        },
        'train images .* 2 classes have a wrong number of images',
    ),
    'grey': (extra(png(GREY)), 'expected RGB .* got L and 32 x 32'),
    'transparent': (
        extra(png(np.zeros((32, 32, 4), np.uint8))),
        'got RGBA and 32 x 32',
    ),
    'smaller': (extra(png(COLOUR[:31])), 'Expected 32 x 32 pixels, .* has 32 x 31'),
    'larger': (extra(png(np.zeros((32, 33, 3), np.uint8))), 'RGB and 33 x 32'),
    'huge': (extra(header_only(60_000, 30_000)), '000901.png in .* cannot be used'),
    'large by its header': (extra(header_only(9000, 9000)), 'got RGB and 9000 x 9000'),
    'a large file': (
        extra(png(COLOUR) + bytes(70_000)),
        r'at most 65,536 bytes, .* 70,\d+',
    ),
    'cut off': (extra(png(Images().pixels['train'][0])[:900]), '000901.png in .* used'),
    'JPEG': (extra(as_jpeg(COLOUR)), '000901.png in .* is not a PNG image'),
    'empty': (extra(b''), '000901.png in .* is not a PNG image'),
    'other names': (
        lambda files: {k.replace('/train/', '/training/'): v for k, v in files.items()},
        r'no train images in .* \(for CIFAR, below train and test\)',
    ),
}


@pytest.mark.parametrize('kind', BAD)
@pytest.mark.parametrize('form', ['zip', 'tar', 'folder'])
def test_class_folders_that_are_not_the_set(tmp_path, root, kind, form):
    change, message = BAD[kind]
    images, source = Images(), tmp_path / 'source'
    files = change(images.png_files())
    if form == 'folder':
        unpack(files, source)
    else:
        source.write_bytes(zipped(files) if form == 'zip' else tar(files))

    refused(message, images, source, root)


def test_the_same_image_twice_in_a_tar_archive(tmp_path, root):
    images, source = Images(), tmp_path / 'source.tar'
    files = images.png_files()
    first, second = [name for name in files if name.startswith('top/train/bear/')][:2]
    files[f'again/{second.removeprefix("top/")}'] = files.pop(first)
    source.write_bytes(tar(files))

    refused('class 1 contains thing_s_000025.png twice', images, source, root)


def test_unofficial_file_names_are_refused(tmp_path, root):
    """They would give another order, and thus other long-tailed subsets."""
    images, source = Images(), tmp_path / 'source.zip'
    right = images.expected('train')[0]
    buffer = io.BytesIO()
    np.save(buffer, right)
    sha256 = {'train_images.npy': checksum('sha256', buffer.getvalue()).value}
    files = images.png_files()
    source.write_bytes(zipped(files))
    prepare(images.entry(sha256=sha256), tmp_path / 'right', source)

    numbered = {
        f'{name.rpartition("/")[0]}/{1000 - number}.png': content
        for number, (name, content) in enumerate(files.items())
    }
    source.write_bytes(zipped(numbered))

    refused('published names: .* train_images.npy differs', images, source, root,
            sha256=sha256)  # fmt: skip


def test_a_link_to_a_device_in_a_folder_is_not_read(tmp_path, root):
    images, source = Images(), tmp_path / 'source'
    unpack(without_first('train')(images.png_files()), source)
    (source / 'top/train/apple/zero.png').symlink_to('/dev/zero')
    os.mkfifo(source / 'top/train/bear/pipe.png')

    refused(r'has 9 \(expected 10\)', images, source, root)


def test_a_folder_of_links_is_read(tmp_path, root):
    images = Images()
    unpack(images.png_files(), tmp_path / 'real')
    (tmp_path / 'source').mkdir()
    for split in SPLITS:
        (tmp_path / 'source' / split).symlink_to(tmp_path / 'real/top' / split)
    (tmp_path / 'source/train/apple/circle').symlink_to(tmp_path / 'source')

    prepare(images.entry(), root, tmp_path / 'source')

    assert check(images.entry(), root).problems == []


def test_a_source_that_is_a_pipe(tmp_path, root):
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ValueError, match='pipe is neither a file nor a folder'):
        make_plan(Images().entry(), root, tmp_path / 'pipe')


def test_a_missing_source(tmp_path, root):
    with pytest.raises(FileNotFoundError, match='--source .*nowhere does not exist'):
        make_plan(Images().entry(), root, tmp_path / 'nowhere')
