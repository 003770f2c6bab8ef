"""Prepared data sets are complete and as published, and no step is repeated."""

from collections import namedtuple
from dataclasses import replace

import pytest

from mmgala.preparation import delete_archives, describe_plan, make_plan, run_plan
from tests.preparation.archives import checksum, tar, tree
from tests.preparation.tiny_set import IMAGES, LIST, assert_complete, prepare


def test_existing_parts_are_not_prepared_again(small, root, server):
    prepare(small, root)
    plan = make_plan(small, root)
    assert plan.todo == []
    requests = len(server.log)
    prepare(small, root)
    assert len(server.log) == requests


def test_parts_made_by_another_run_since_the_plan_are_kept(small, root, server):
    plan = make_plan(small, root)
    prepare(small, root)
    requests = len(server.log)
    run_plan(plan, small, root)
    assert_complete(root)
    assert len(server.log) == requests


def test_an_existing_archive_is_not_downloaded(small, root, server):
    root.mkdir(parents=True)
    (root / 'small.tar.gz').write_bytes(server.files['/small.tar.gz'])
    (root / 'small.tar.gz.part').write_bytes(b'of an earlier attempt')
    prepare(small, root)
    assert_complete(root)
    assert [r.path for r in server.log] == ['/list.txt']


def test_from_another_folder_nothing_is_downloaded_or_changed(
    small, root, server, tmp_path
):
    source = tmp_path / 'source'
    source.mkdir()
    for part in small.parts:
        (source / part.source).write_bytes(server.files[f'/{part.source}'])
    before = tree(source)
    prepare(small, root, source)
    delete_archives(small.parts, root)
    assert tree(root) == {**IMAGES, 'list.txt': LIST}
    assert tree(source) == before
    assert server.log == []


@pytest.mark.parametrize('name', ['list.txt', 'small.tar.gz'])
def test_wrong_files_of_another_folder_are_refused(small, root, tmp_path, server, name):
    source = tmp_path / 'source'
    source.mkdir()
    for part in small.parts:
        (source / part.source).write_bytes(server.files[f'/{part.source}'])
    (source / name).write_bytes(b'other')
    with pytest.raises(ValueError, match=f'source/{name} is not the published file'):
        prepare(small, root, source)
    assert not (root / 'images').exists()
    assert (root / 'list.txt').exists() == (name != 'list.txt')


def test_a_small_disk_is_refused_at_the_start(small, root, server, monkeypatch):
    usage = namedtuple('usage', 'free')
    needed = len(LIST) + small.parts[1].size + 300_000
    monkeypatch.setattr('shutil.disk_usage', lambda path: usage(needed - 1))
    with pytest.raises(OSError, match=r'small needs [\d.]+ kB of disk space, but only'):
        prepare(small, root)
    assert server.log == []
    assert not root.exists()

    monkeypatch.setattr('shutil.disk_usage', lambda path: usage(needed))
    prepare(small, root)
    assert_complete(root)


def test_the_plan_counts_what_is_left_to_download(small, root):
    plan = make_plan(small, root)
    assert plan.download_size == len(LIST) + small.parts[1].size
    root.mkdir(parents=True)
    (root / 'small.tar.gz.part').write_bytes(bytes(100_000))
    later = make_plan(small, root)
    assert plan.download_size - later.download_size == 100_000
    assert plan.needed_size - later.needed_size == 100_000
    text = describe_plan(later, small, root)
    assert 'to download: 140.7 kB; disk space needed: 440.7 kB, free: ' in text


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'other/a.jpg': b''}, 'lacks images'),
        ({'images/a.jpg': b'', '../x': b''}, 'not safe to unpack'),
    ],
)
def test_an_archive_with_other_content_leaves_no_files(
    small, root, server, content, message
):
    archive = tar(content, packed=True)
    part = replace(
        small.parts[1],
        url=server.serve('small.tar.gz', archive),
        checksum=checksum('md5', archive),
    )
    with pytest.raises(ValueError, match=message):
        prepare(replace(small, parts=[part]), root)
    assert set(tree(root.parent)) == {'small/small.tar.gz'}
    assert [path.name for path in root.iterdir()] == ['small.tar.gz']


def files_known(small, wrong=()):
    """The set with the checksum of each image."""
    files = {
        name: checksum('md5', b'other' if name in wrong else content)
        for name, content in IMAGES.items()
    }
    return replace(small, parts=[small.parts[0], replace(small.parts[1], files=files)])


def test_damaged_files_are_replaced_and_others_kept(small, root):
    small = files_known(small)
    prepare(small, root)
    (root / 'images/a.jpg').write_bytes(b'damaged')
    (root / 'images/b.jpg').unlink()
    (root / 'images/mine.txt').write_bytes(b'!')
    assert 'replaces files' in describe_plan(make_plan(small, root), small, root)
    prepare(small, root)
    assert (root / 'images/mine.txt').read_bytes() == b'!'
    (root / 'images/mine.txt').unlink()
    assert_complete(root)


def test_an_archive_with_a_wrong_file_is_refused(small, root):
    small = files_known(small, wrong=['images/c.jpg'])
    with pytest.raises(ValueError, match=r'wrong checksum of its images/c\.jpg'):
        prepare(small, root)
    assert not (root / 'images').exists()


def test_manual_downloads_come_last(small, root, server):
    small = replace(small, parts=[replace(small.parts[1], url=None), small.parts[0]])
    with pytest.raises(
        FileNotFoundError, match=r'small\.tar\.gz must be downloaded by'
    ):
        prepare(small, root)
    assert tree(root) == {'list.txt': LIST}
    assert 'Ask for it.' in describe_plan(make_plan(small, root), small, root)
