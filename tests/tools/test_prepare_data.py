"""tools/prepare_data.py converts published data sets to the layout of the configs."""

from urllib.error import URLError

import pytest

from mmgala.names import DATA_SET_NAMES
from tests.preparation.archives import tree
from tests.preparation.small_image_sets import image
from tests.preparation.small_sets import publish
from tests.tools.command_line import assert_one_line
from tests.tools.prepared import made

IMAGE_SETS = ('imagenet-lt', 'places-lt', 'inaturalist2018')


def place_archives(small, server, folder):
    """Place archives that require registration where a user would put them."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in small.parts:
        if part.url is None:
            (folder / part.source).write_bytes(server.files[f'/{part.source}'])


def images_on_disk(root):
    return {
        path: content
        for path, content in tree(root).items()
        if path.lower().endswith(('.jpg', '.jpeg'))
    }


def listed(small, root):
    """All images of all splits."""
    return [path for split in small.splits for path in split.read(root)[0]]


@pytest.mark.parametrize('name', DATA_SET_NAMES)
def test_a_set_is_prepared_from_the_published_files(
    name, prepare, server, monkeypatch, capsys
):
    small = publish(name, server, monkeypatch)
    place_archives(small, server, prepare.root)

    assert prepare(name) is None

    said = capsys.readouterr().err
    assert f'{name} in {prepare.root} is complete' in said
    wanted = listed(small, prepare.root)
    assert images_on_disk(prepare.root) == {path: image(path) for path in wanted}
    assert bool(wanted) == (name in IMAGE_SETS)
    names = {path.name for path in prepare.root.iterdir()}
    assert names == {n for part in small.parts for n in (*made(part), part.source)}

    before, sent = tree(prepare.root), server.sent()
    for flags in ([], ['--check']):
        assert prepare(name, *flags) is None
        assert tree(prepare.root) == before
        assert server.sent() == sent
    assert f'{prepare.root / small.parts[0].target}: exists' in capsys.readouterr().err


def test_manual_downloads_are_explained(prepare, server, monkeypatch, capsys, tmp_path):
    small = publish('imagenet-lt', server, monkeypatch)

    end = prepare('imagenet-lt')

    assert_one_line(end, r'ILSVRC2012_img_train\.tar and ILSVRC2012_img_val\.tar must')
    assert 'Register at https://image-net.org' in capsys.readouterr().err
    lists = {f'ImageNet_LT_{split}.txt' for split in ('train', 'val', 'test')}
    assert {path.name for path in prepare.root.iterdir()} == lists

    place_archives(small, server, tmp_path / 'archives')
    assert prepare('imagenet-lt', '--source', tmp_path / 'archives') is None
    assert {path.name for path in prepare.root.iterdir()} == {*lists, 'train', 'val'}


def test_a_list_with_other_counts_is_refused(prepare, server, monkeypatch):
    publish('imagenet-lt', server, monkeypatch)
    path = '/ImageNet_LT_val.txt'
    server.files[path] = server.files[path].partition(b'\n')[2]

    end = prepare('imagenet-lt')

    assert_one_line(end, r'not the official list: .*class 0 has 19 \(expected 20\)')
    assert {p.name for p in prepare.root.iterdir()} == {'ImageNet_LT_train.txt'}


def test_a_list_with_another_checksum_is_refused(prepare, server, monkeypatch):
    publish('places-lt', server, monkeypatch)
    server.files['/Places_LT_val.txt'] += b'train/airfield/1.jpg 0\n'

    end = prepare('places-lt')

    assert_one_line(end, r'_val\.txt\.part is not the published file \(sha256 ')
    assert {p.name for p in prepare.root.iterdir()} == {'Places_LT_train.txt'}


def test_dry_run_does_nothing(prepare, server, monkeypatch, capsys):
    small = publish('places-lt', server, monkeypatch)

    assert prepare('places-lt', '--dry-run') is None

    out = capsys.readouterr().out
    assert all(part.url in out for part in small.parts)
    assert 'to download: ' in out
    assert server.log == []
    assert not prepare.root.exists()


def test_archives_are_deleted_on_request(prepare, server, monkeypatch):
    publish('cifar10', server, monkeypatch)
    prepare('cifar10')

    assert prepare('cifar10', '--delete-archives') is None

    assert {path.name for path in prepare.root.iterdir()} == {
        'train_images.npy', 'train_labels.npy', 'test_images.npy', 'test_labels.npy',
        'classes.txt', 'SHA256SUMS',
    }  # fmt: skip


def test_check_names_missing_files_and_changes_nothing(
    prepare, server, monkeypatch, capsys
):
    publish('places-lt', server, monkeypatch)
    prepare('places-lt')
    for number in range(1, 8):
        (prepare.root / f'train/airfield/{number:08d}.jpg').unlink()
    before, requests = tree(prepare.root), len(server.log)
    capsys.readouterr()

    end = prepare('places-lt', '--check')

    assert_one_line(end, r'differs .* 2\), first: train: 5 of 9 images')
    out = capsys.readouterr().out
    assert 'train/airfield/00000001.jpg' in out
    assert 'val: 2 of 60 images are missing: train/airfield/00000006.jpg' in out
    assert [line.split() for line in out.splitlines() if line.startswith('test')] == [
        ['test', '300', '300', '3', '100', '100']
    ]
    assert tree(prepare.root) == before
    assert len(server.log) == requests


def test_check_of_an_empty_root(prepare, server, monkeypatch):
    publish('fashion-mnist', server, monkeypatch)
    assert_one_line(
        prepare('fashion-mnist', '--check'), r'problems: 4.*-ubyte is missing'
    )
    assert not prepare.root.exists()


def test_a_file_that_cannot_be_downloaded_can_be_placed_where_the_message_says(
    prepare, server, monkeypatch
):
    publish('cifar10', server, monkeypatch)
    archive = server.files.pop('/cifar-10-python.tar.gz')

    end = prepare('cifar10')

    place = prepare.root / 'cifar-10-python.tar.gz'
    assert_one_line(end, f'with 404 .* put it at {place}, md5 [0-9a-f]{{32}}, and run')
    place.write_bytes(archive)
    assert prepare('cifar10') is None


def test_without_a_network_another_source_is_named(prepare, server, monkeypatch):
    publish('fashion-mnist', server, monkeypatch)

    def fail(*args, **kwargs):
        raise URLError('[Errno -3] Temporary failure in name resolution')

    monkeypatch.setattr('urllib.request.OpenerDirector.open', fail)

    end = prepare('fashion-mnist')

    assert_one_line(
        end, r'cannot be downloaded: .* name resolution\. Download it elsewhere'
    )
    assert_one_line(end, f'put it at {prepare.root}/train-images-idx3-ubyte.gz, md5 ')
    assert_one_line(end, 'apt-get install dataset-fashion-mnist')


def test_a_wrong_file_placed_by_hand_is_named_and_kept(prepare, server, monkeypatch):
    publish('cifar10', server, monkeypatch)
    prepare.root.mkdir(parents=True)
    place = prepare.root / 'cifar-10-python.tar.gz'
    place.write_bytes(b'half')

    assert_one_line(prepare('cifar10'), f'{place} is not the published file')
    assert tree(prepare.root) == {place.name: b'half'}


def test_interruption_ends_with_its_exit_code(
    prepare, server, monkeypatch, capsys, tmp_path
):
    publish('places-lt', server, monkeypatch)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('tarfile.TarFile.extract', interrupt)
        assert prepare('places-lt') == 130

    assert 'interrupted' in capsys.readouterr().err
    assert {path.name for path in prepare.root.iterdir() if path.suffix != '.txt'} == {
        'train_256_places365standard.tar'
    }
    assert prepare('places-lt') is None
