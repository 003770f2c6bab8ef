"""A source without published checksums that was corrected is read again."""

import subprocess

import numpy as np
import pytest

from mmgala.preparation import describe_plan, find_data_set, make_plan
from mmgala.preparation.data_set import DataSet, Part
from tests.miniature_plankton import COUNTS, jpeg_files
from tests.preparation.archives import checksum
from tests.preparation.tiny_cifar import unpack, zipped
from tests.preparation.tiny_set import prepare

OUTDATED = 'made from another source, or before it changed'
AMPHIPODS = sorted(name for name in jpeg_files() if name.startswith('amphipods'))


@pytest.fixture
def plankton(monkeypatch):
    """The catalogue's entry, for four classes."""
    monkeypatch.setattr('mmgala.preparation.plankton.official_counts', lambda: COUNTS)
    monkeypatch.setattr('mmgala.preparation.plankton.SHA256', {})
    return find_data_set('plankton')


def write(path, files):
    if path.suffix == '.zip':
        path.write_bytes(zipped(files))
    else:
        unpack(files, path)


def corrected():
    """The images, of which the first is now another."""
    files = jpeg_files()
    return files | {AMPHIPODS[0]: files[AMPHIPODS[1]]}


@pytest.mark.parametrize('name', ['images', 'images.zip'])
def test_images_that_were_corrected_are_read_again(plankton, root, tmp_path, name):
    source = tmp_path / name
    write(source, jpeg_files())
    prepare(plankton, root, source)
    assert make_plan(plankton, root, source).todo == []
    before = np.load(root / 'images.npy')

    write(source, corrected())

    plan = make_plan(plankton, root, source)
    assert OUTDATED in describe_plan(plan, plankton, root)
    prepare(plankton, root, source)
    after = np.load(root / 'images.npy')
    assert np.flatnonzero((before != after).any(axis=(1, 2))).tolist() == [0]
    assert make_plan(plankton, root, source).todo == []
    assert make_plan(plankton, root).todo == []  # without a source, it is complete


def test_the_comment_in_the_checksums_is_one_for_sha256sum(plankton, root, tmp_path):
    write(tmp_path / 'images.zip', jpeg_files())
    prepare(plankton, root, tmp_path / 'images.zip')

    check = ['sha256sum', '--check', '--strict', 'SHA256SUMS']
    assert subprocess.run(check, cwd=root, capture_output=True).returncode == 0


def test_files_of_an_earlier_version_are_kept(plankton, root, tmp_path):
    write(tmp_path / 'images.zip', jpeg_files())
    prepare(plankton, root, tmp_path / 'images.zip')
    lines = (root / 'SHA256SUMS').read_text().splitlines()
    (root / 'SHA256SUMS').write_text('\n'.join(lines[1:]) + '\n')

    write(tmp_path / 'images.zip', corrected())

    assert make_plan(plankton, root, tmp_path / 'images.zip').todo == []


@pytest.mark.parametrize('published', [False, True])
def test_a_list_that_was_corrected_replaces_the_earlier_one(root, tmp_path, published):
    before, after = b'a.jpg 0\n', b'a.jpg 1\n'
    known = checksum('md5', before) if published else None
    small = DataSet('small', 'unused', 'home',
                    [Part('list.txt', 'list.txt', None, 8, known)], [])  # fmt: skip
    source = tmp_path / 'source'
    source.mkdir()
    (source / 'list.txt').write_bytes(before)
    prepare(small, root, source)

    (source / 'list.txt').write_bytes(after)
    prepare(small, root, source)

    assert (root / 'list.txt').read_bytes() == (before if published else after)
