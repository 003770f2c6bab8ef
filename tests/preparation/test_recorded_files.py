"""Files without a published checksum are verified by the recorded one."""

import os
import re

import pytest

from mmgala.preparation import check, make_plan
from tests.preparation.archives import checksum, tree
from tests.preparation.tiny_cifar import Images, zipped
from tests.preparation.tiny_set import prepare


@pytest.fixture
def made(tmp_path, root):
    """A prepared set: its images, and its source."""
    images, source = Images(), tmp_path / 'source.zip'
    source.write_bytes(zipped(images.png_files()))
    prepare(images.entry(), root, source)
    return images, source


def test_existing_files_are_not_prepared_again(made, root):
    images, source = made
    before = {path: path.stat().st_mtime_ns for path in root.iterdir()}

    plan = make_plan(images.entry(), root, source)
    prepare(images.entry(), root, source)

    assert plan.todo == []
    assert before == {path: path.stat().st_mtime_ns for path in root.iterdir()}


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


CHANGES = {
    'a bit of the images': (
        lambda root: flip(root / 'train_images.npy'),
        'train_images.npy has changed since it was created',
    ),
    'a label': (
        lambda root: flip(root / 'test_labels.npy'),
        'test_labels.npy has changed since it was created',
    ),
    'a file is gone': (
        lambda root: (root / 'classes.txt').unlink(),
        'classes.txt is missing',
    ),
    'the record is gone': (
        lambda root: (root / 'SHA256SUMS').unlink(),
        'train_images.npy cannot be verified: .*SHA256SUMS lacks its checksum',
    ),
    'the record is nonsense': (
        lambda root: (root / 'SHA256SUMS').write_bytes(b'\xff\x00 nonsense'),
        'train_images.npy cannot be verified',
    ),
}


@pytest.mark.parametrize('kind', CHANGES)
def test_check_finds_changes_and_preparing_again_repairs_them(made, root, kind):
    images, source = made
    entry, before = images.entry(), tree(root)
    change, message = CHANGES[kind]
    change(root)
    changed = tree(root)

    report = check(entry, root)

    assert any(re.search(message, problem) for problem in report.problems)
    assert [row[2] for row in report.rows] == [None, None]
    assert tree(root) == changed
    prepare(entry, root, source)
    assert tree(root) == before


def test_published_checksums_need_no_record(made, root):
    images, _ = made
    sha256 = {
        name: checksum('sha256', content).value
        for name, content in tree(root).items()
        if name != 'SHA256SUMS'
    }
    (root / 'SHA256SUMS').unlink()
    entry = images.entry(sha256=sha256)

    assert check(entry, root).problems == []
    flip(root / 'train_images.npy')
    (problem,) = check(entry, root).problems
    assert 'train_images.npy is not the published file (expected sha256 ' in problem


def test_the_table_of_the_check(made, root):
    images, _ = made
    assert [
        line.split() for line in check(images.entry(), root).table().splitlines()
    ] == [
        ['split', 'expected', 'found', 'classes', 'min', 'max'],
        ['train', '30', '30', '3', '10', '10'],
        ['test', '6', '6', '3', '2', '2'],
    ]


def test_an_interrupted_move_is_found_and_repaired(tmp_path, root, monkeypatch):
    """The record is written last, so a part of the files does not count as the set."""
    images, source = Images(), tmp_path / 'source.zip'
    source.write_bytes(zipped(images.png_files()))
    replace_file = os.replace

    def stop(*args):
        if len(list(root.glob('*.npy'))) == 2:
            raise KeyboardInterrupt
        replace_file(*args)

    with monkeypatch.context() as patch:
        patch.setattr('os.replace', stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(images.entry(), root, source)

    assert len(list(root.iterdir())) == 2
    assert check(images.entry(), root).problems
    prepare(images.entry(), root, source)
    assert len(list(root.iterdir())) == 6
    assert check(images.entry(), root).problems == []
