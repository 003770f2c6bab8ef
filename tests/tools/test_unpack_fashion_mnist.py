"""tools/unpack_fashion_mnist.py writes whole, published files or none."""

import gzip
import hashlib
import sys

import pytest

from tests.tools.command_line import assert_one_line, load_tool

CONTENTS = {
    'train-images-idx3-ubyte': b'train images' * 1000,
    'train-labels-idx1-ubyte': b'train labels' * 10,
    't10k-images-idx3-ubyte': b'test images' * 500,
    't10k-labels-idx1-ubyte': b'test labels' * 5,
}


@pytest.fixture
def source(tmp_path):
    """Folder with a small stand-in for each packed file."""
    folder = tmp_path / 'source'
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / f'{name}.gz').write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def unpack(monkeypatch, tmp_path, source):
    """Unpack the stand-ins, whose checksums count as the published ones."""
    tool = load_tool('unpack_fashion_mnist')
    assert list(tool.FILES) == list(CONTENTS)
    sums = {name: hashlib.sha256(c).hexdigest() for name, c in CONTENTS.items()}
    root = tmp_path / 'data' / 'fashion_mnist'

    def main(checksums=sums):
        monkeypatch.setattr(tool, 'FILES', checksums)
        argv = ['tool', '--source', str(source), '--root', str(root)]
        monkeypatch.setattr(sys, 'argv', argv)
        try:
            tool.main()
        except SystemExit as end:
            return end.code, root
        return None, root

    main.published = dict(tool.FILES)
    return main


def written(root):
    return {p.name: p.read_bytes() for p in root.glob('*')}


def test_all_files_are_unpacked(unpack):
    end, root = unpack()

    assert end is None
    assert written(root) == CONTENTS


def test_unpacking_again_replaces_a_damaged_file(unpack):
    _, root = unpack()
    (root / 't10k-labels-idx1-ubyte').write_bytes(b'half')

    unpack()

    assert written(root) == CONTENTS


def test_other_files_than_the_published_are_refused(unpack):
    end, root = unpack(unpack.published)

    assert_one_line(end, r'train-images-idx3-ubyte\.gz is not the published file')
    assert not root.exists()


def test_missing_file_is_named_with_the_package_that_has_it(unpack, source):
    (source / 'train-images-idx3-ubyte.gz').unlink()

    end, root = unpack()

    assert_one_line(end, r'images-idx3-ubyte\.gz does not exist.*dataset-fashion-mnist')
    assert not root.exists()


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'',
        lambda content: b'not packed at all',
        lambda content: content[: len(content) // 2],
        lambda content: content[:12] + b'\xff\x00\xff\x00' + content[16:],
        lambda content: content[:-8] + b'\x00' * 8,
    ],
    ids=['empty', 'no gzip', 'truncated', 'overwritten', 'wrong length'],
)
@pytest.mark.parametrize('name', [list(CONTENTS)[0], list(CONTENTS)[2]])
def test_damaged_file_is_named_and_leaves_nothing_behind(unpack, source, name, damage):
    path = source / f'{name}.gz'
    path.write_bytes(damage(path.read_bytes()))

    end, root = unpack()

    assert_one_line(end, rf'{name}\.gz is (damaged|not the published file)')
    before = list(CONTENTS)[: list(CONTENTS).index(name)]
    assert written(root) == {whole: CONTENTS[whole] for whole in before}
