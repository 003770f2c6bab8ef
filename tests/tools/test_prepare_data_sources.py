"""tools/prepare_data.py --source: sets from files that are there already."""

import gzip

import pytest

from tests.preparation.archives import tree
from tests.preparation.small_sets import publish
from tests.tools.command_line import assert_one_line
from tests.tools.prepared import made


@pytest.fixture
def packed(server, monkeypatch, tmp_path):
    """Folder with the four files of Fashion-MNIST, as Debian's package has them."""
    small = publish('fashion-mnist', server, monkeypatch)
    folder = tmp_path / 'packed'
    folder.mkdir()
    for part in small.parts:
        content = gzip.decompress(server.files[f'/{part.source}'])
        # Compressed by others, so its checksum differs from the published one.
        (folder / part.source).write_bytes(gzip.compress(content, 1, mtime=1))
    return folder


def test_fashion_mnist_is_prepared_from_a_folder(prepare, packed, server):
    assert prepare('fashion-mnist', '--source', packed) is None
    assert {f'{name}.gz' for name in tree(prepare.root)} == set(tree(packed))
    assert server.log == []


def test_unpacking_again_replaces_a_damaged_file(prepare, packed, capsys):
    prepare('fashion-mnist', '--source', packed)
    before = tree(prepare.root)
    (prepare.root / 't10k-labels-idx1-ubyte').write_bytes(b'half')
    capsys.readouterr()

    assert prepare('fashion-mnist', '--source', packed) is None

    assert tree(prepare.root) == before
    assert 'replaces files that are not' in capsys.readouterr().err


def test_a_file_that_the_folder_lacks_is_named_with_the_package(
    prepare, packed, server
):
    (packed / 't10k-labels-idx1-ubyte.gz').unlink()

    end = prepare('fashion-mnist', '--source', packed)

    assert_one_line(end, r'labels-idx1-ubyte\.gz does not exist.*dataset-fashion-mnist')
    assert not prepare.root.exists()
    assert server.log == []


@pytest.mark.parametrize('name', ['cifar10', 'plankton'])
def test_a_set_of_images_is_prepared_from_a_file(
    name, prepare, server, monkeypatch, tmp_path, capsys
):
    small = publish(name, server, monkeypatch)
    (part,) = small.parts
    source = tmp_path / 'images'
    source.write_bytes(server.files[f'/{part.source}'])

    assert prepare(name, '--source', source) is None

    assert f'reading {source} to {prepare.root}' in capsys.readouterr().err
    assert {path.name for path in prepare.root.iterdir()} == set(made(part))
    assert server.log == []
    assert source.exists()


def test_a_set_that_cannot_be_downloaded_needs_a_source(
    prepare, server, monkeypatch, capsys
):
    publish('plankton', server, monkeypatch)

    end = prepare('plankton')

    assert_one_line(
        end, r'plankton is incomplete: train\.zip must be downloaded by hand'
    )
    assert 'see docs/plankton.md' in capsys.readouterr().err
    assert not prepare.root.exists()


def test_source_of_a_set_of_files_must_be_a_folder(
    prepare, server, monkeypatch, tmp_path
):
    publish('places-lt', server, monkeypatch)
    (tmp_path / 'places.zip').write_bytes(b'')

    end = prepare('places-lt', '--source', tmp_path / 'places.zip')

    assert_one_line(end, 'to be the folder with the published files, but .*is a file')
    assert not prepare.root.exists()


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'',
        lambda content: content[: len(content) // 2],
        lambda content: gzip.compress(b'other data'),
    ],
    ids=['empty', 'truncated', 'other'],
)
@pytest.mark.parametrize('index', [0, 2])
def test_a_damaged_source_leaves_no_files(prepare, packed, damage, index):
    names = [
        f'{kind}-ubyte'
        for kind in ('train-images-idx3', 'train-labels-idx1', 't10k-images-idx3')
    ]
    path = packed / f'{names[index]}.gz'
    path.write_bytes(damage(path.read_bytes()))

    end = prepare('fashion-mnist', '--source', packed)

    assert_one_line(end, rf'{names[index]}\.gz is (damaged|not the published file)')
    assert sorted(tree(prepare.root)) == sorted(names[:index])
