"""Image lists: parsing, and the error for every kind of invalid line."""

import lzma
import os
import re
from collections import Counter

import numpy as np
import pytest

from mmgala.datasets.readers.image_list import missing_images, read_image_list


@pytest.fixture
def listed(tmp_path):
    """Factory: path of a list with these bytes."""

    def write(content):
        path = tmp_path / 'some_list.txt'
        path.write_bytes(content)
        return path

    return write


def test_paths_and_labels_in_the_order_of_the_lines(listed):
    paths, labels = read_image_list(listed(b'b/2.jpg 1\na/1.jpg 0\nb/1.jpg 12\n'), 13)

    assert paths == ['b/2.jpg', 'a/1.jpg', 'b/1.jpg']
    assert labels.tolist() == [1, 0, 12]
    assert labels.dtype == np.int64


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_official_list_of_places(shared_dir, listed, split):
    data = lzma.decompress((shared_dir / f'data/Places_LT_{split}.txt.xz').read_bytes())

    paths, labels = read_image_list(listed(data), 365)

    assert '\n'.join(map('{} {}'.format, paths, labels)).encode() == data.rstrip()
    assert len(paths) == {'train': 62500, 'val': 7300, 'test': 36500}[split]
    counts = Counter(int(line.split()[1]) for line in data.splitlines())
    assert np.bincount(labels).tolist() == [counts[c] for c in range(365)]


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'a b/c d.jpg 3\n', 'a b/c d.jpg'),
        (b' a.jpg 3\n', ' a.jpg'),
        (b'a.jpg  3\n', 'a.jpg '),
        (b'a.jpg\t 3\n', 'a.jpg\t'),
        (b'a.jpg 3', 'a.jpg'),
        (b'a.jpg 3\r\n', 'a.jpg'),
        (b'a.jpg 3\r\n'[:-1] + b'\n', 'a.jpg'),
        (b'\xef\xbb\xbfa.jpg 3\n', 'a.jpg'),
        ('föö/日本.jpg 3\n'.encode(), 'föö/日本.jpg'),
        ('a\u2028b\x85c\x0cd.jpg 3\n'.encode(), 'a\u2028b\x85c\x0cd.jpg'),
        (b'a..b/..c/d../e...jpg 3\n', 'a..b/..c/d../e...jpg'),
        (b'./a.jpg 3\n', './a.jpg'),
        (b'ab:c/d.jpg 3\n', 'ab:c/d.jpg'),
        (b'a\rb.jpg 3\n', 'a\rb.jpg'),
    ],
    ids=repr,
)
def test_unusual_but_valid_lines(listed, content, expected):
    paths, labels = read_image_list(listed(content), 4)

    assert paths == [expected]
    assert labels.tolist() == [3]


def test_windows_line_ends_change_nothing(listed):
    unix = read_image_list(listed(b'a.jpg 0\nb.jpg 1\n'))
    windows = read_image_list(listed(b'a.jpg 0\r\nb.jpg 1\r\n'))

    assert unix[0] == windows[0]
    assert unix[1].tolist() == windows[1].tolist()


def test_labels_have_no_limit_where_the_number_of_classes_is_unknown(listed):
    assert read_image_list(listed(b'a 0\nb 123456789012\n'))[1].tolist() == [
        0,
        123456789012,
    ]


NO_LABEL = 'expected `path label` with an integer label after the last space, but got '


@pytest.mark.parametrize(
    ('content', 'line', 'reason'),
    [
        (b'a 0\n\nb 1\n', 2, 'the line is empty.'),
        (b'a 0\r\n\r\nb 1\r\n', 2, 'the line is empty.'),
        (b'a 0\n   \n', 2, 'the line is empty.'),
        (b'a 0\nb 1\n\n', 3, 'the line is empty.'),
        (b'\n', 1, 'the line is empty.'),
        (b'a 0\nb\n', 2, NO_LABEL + "'b'."),
        (b'a 0\nb 1 \n', 2, NO_LABEL + "'b 1 '."),
        (b'a 0\nb\t1\n', 2, NO_LABEL + r"'b\t1'."),
        (b'a 0\nb one\n', 2, NO_LABEL + "'b one'."),
        (b'a 0\nb 1.0\n', 2, NO_LABEL + "'b 1.0'."),
        (b'a 0\nb 1_0\n', 2, NO_LABEL + "'b 1_0'."),
        (b'a 0\nb +1\n', 2, NO_LABEL + "'b +1'."),
        (b'a 0\nb 1-\n', 2, NO_LABEL + "'b 1-'."),
        (b'a 0\nb 1\r', 2, NO_LABEL + r"'b 1\r'."),
        ('a 0\nb ١\n'.encode(), 2, NO_LABEL + "'b ١'."),
        ('a 0\nb ²\n'.encode(), 2, NO_LABEL + "'b ²'."),
        (b'a 0\nb 9223372036854775808\n', 2, NO_LABEL + "'b 9223372036854775808'."),
        (b'a 0\nb 1\nc -1\n', 3, 'the label -1 is negative.'),
        (b'a 0\nb 5\nc 1\n', 2, 'the label 5 is not below the number of classes, 5.'),
        (b'a/x 0\nb 1\na/x 1\n', 3, 'a/x is already listed on line 1.'),
        (b'a/x 0\na/x 0\n', 2, 'a/x is already listed on line 1.'),
        (b'a\r 0\na\r 0\n', 2, r"'a\r' is already listed on line 1."),
        (b'a 0\n 1\n', 2, 'the path is empty.'),
        (b'a 0\nb\0 1\n', 2, 'the line contains a NUL character.'),
        (b'a 0\nb 1\nc\xff 1\n', 3, 'the line is not UTF-8 (invalid start byte). Save'),
    ],
    ids=repr,
)
def test_bad_line_is_named_by_file_and_number(listed, content, line, reason):
    path = listed(content)

    with pytest.raises(ValueError, match=re.escape(f'{path}:{line}: {reason}')) as info:
        read_image_list(path, 5)
    assert '\n' not in str(info.value)


@pytest.mark.parametrize(
    'path',
    [
        '/etc/passwd',
        '//host/share',
        '..',
        '../x',
        'a/../../x',
        'a/..',
        'a//..//x',
        '\\x',
        '\\\\host\\share',
        '..\\x',
        'a\\..\\x',
        'a/..\\x',
        'C:\\x',
        'c:/x',
        'C:x',
    ],
)
def test_path_that_leaves_the_root_is_refused(listed, path):
    content = f'a.jpg 0\nb.jpg 1\n{path} 2\n'.encode()

    message = re.escape(f':3: the path {path} is outside the image root')
    with pytest.raises(ValueError, match=message):
        read_image_list(listed(content), 5)


def test_undecodable_line_after_a_byte_order_mark_is_numbered(listed):
    with pytest.raises(ValueError, match=r'some_list\.txt:2: the line is not UTF-8'):
        read_image_list(listed(b'\xef\xbb\xbfa 0\n\xe9 1\n'))


def test_empty_list(listed):
    path = listed(b'')

    with pytest.raises(ValueError, match=re.escape(f'{path}: the file is empty.')):
        read_image_list(path)


@pytest.mark.parametrize('name', ['none.txt', '.'])
def test_missing_list(tmp_path, name):
    path = tmp_path / name

    with pytest.raises(FileNotFoundError, match=re.escape(f'{path}: no such file.')):
        read_image_list(path)


@pytest.fixture
def root(tmp_path):
    """Image root with a/1, a/b/2, a c/3 and 4; a/folder is a folder."""
    for name in ('a/1', 'a/b/2', 'a c/3', '4'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / 'images/a/folder').mkdir()
    return tmp_path / 'images'


def test_no_image_is_missing(root):
    assert missing_images(root, ['4', 'a/b/2', 'a c/3', 'a/1', './4', 'a//1']) == []


def test_indices_of_missing_images(root):
    paths = ['a/2', 'a/1', 'a/b/1', 'none/1', '4/5', 'a/folder', '4', 'A/1', '5']

    assert missing_images(root, paths) == [0, 2, 3, 4, 5, 7, 8]


def test_links_count_as_existing_files(root):
    (root / 'a/link').symlink_to(root / '4')
    (root / 'linked').symlink_to(root / 'a')

    paths = ['a/link', 'linked/1', 'linked/2', 'linked']
    assert missing_images(root, paths) == [2]


def test_each_folder_is_listed_once_without_a_stat_per_image(root, monkeypatch):
    listed = Counter()
    scandir, stat = os.scandir, os.stat

    def counting(folder):
        listed[os.path.relpath(folder, root)] += 1
        return scandir(folder)

    def only_root(path, *args, **kwargs):
        assert os.fspath(path) == os.fspath(root)
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, 'scandir', counting)
    monkeypatch.setattr(os, 'stat', only_root)
    missing_images(root, ['a/1', '4', 'a/2', 'a/b/2', 'none/1', 'none/2', 'a/3'])

    assert listed == {'a': 1, '.': 1, 'a/b': 1, 'none': 1}


def test_missing_root(tmp_path):
    message = re.escape(f'{tmp_path}/none: no such image folder. Check `data_root`')
    with pytest.raises(FileNotFoundError, match=message):
        missing_images(tmp_path / 'none', ['a'])
