"""Archives are unpacked completely or in part, and never outside the folder."""

import gzip
import tarfile

import numpy as np
import pytest

from mmgala.preparation.archives import gunzip, untar
from tests.preparation.archives import special, tar, tree

FILES = {
    'set': None,
    'set/a': None,
    'set/a/1.jpg': b'one' * 1000,
    './set/a/2.jpg': b'two',
    'set/b/3.jpg': b'',
}
UNPACKED = {
    'set/a/1.jpg': b'one' * 1000,
    'set/a/2.jpg': b'two',
    'set/b/3.jpg': b'',
}


@pytest.fixture(params=['set.tar', 'set.tar.gz'])
def write(request, tmp_path):
    """Write an archive, plain and compressed."""

    def write(files):
        path = tmp_path / request.param
        path.write_bytes(tar(files, packed=path.suffix == '.gz'))
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'around' / 'folder'
    path.mkdir(parents=True)
    return path


def test_all_files_are_unpacked(write, folder):
    untar(write(FILES), folder)
    assert tree(folder) == UNPACKED


def test_only_selected_files_are_unpacked_to_their_paths(write, folder):
    wanted = {'set/a/2.jpg': 'val/x/2.jpg', 'set/b/3.jpg': 'val/y/z/3.jpg'}
    untar(write(FILES), folder, wanted)
    assert tree(folder) == {'val/x/2.jpg': b'two', 'val/y/z/3.jpg': b''}


def test_selected_files_that_the_archive_lacks_are_named(write, folder):
    wanted = {f'set/{n}.jpg': f'{n}.jpg' for n in range(8)} | {'set/a/1.jpg': '1.jpg'}
    with pytest.raises(ValueError, match=r'lacks 8 of 9 files: set/0.jpg,.*4.jpg$'):
        untar(write(FILES), folder, wanted)


def test_archives_in_an_archive(tmp_path, folder):
    inner = {
        f'n{i}.tar': tar({f'n{i}_1.JPEG': b'1', f'n{i}_2.JPEG': b''}) for i in 'ab'
    }
    (tmp_path / 'set.tar').write_bytes(tar(inner))
    wanted = {'na_1.JPEG': 'train/na/na_1.JPEG', 'nb_1.JPEG': 'train/nb/nb_1.JPEG'}
    untar(tmp_path / 'set.tar', folder, wanted, nested=True)
    assert tree(folder) == dict.fromkeys(wanted.values(), b'1')


MALICIOUS = {
    'parent': {'../x': b'!'},
    'parent below': {'set/../../x': b'!'},
    'absolute': {'/tmp/mmgala_test_x': b'!'},
    'symlink out': {special('set', tarfile.SYMTYPE, '..'): b'', 'set/x': b'!'},
    'symlink in': {special('x', tarfile.SYMTYPE, 'set/a/1.jpg'): b''},
    'hard link': {special('x', tarfile.LNKTYPE, '/etc/passwd'): b''},
    'device': {special('x', tarfile.CHRTYPE): b''},
    'pipe': {special('x', tarfile.FIFOTYPE): b''},
}


@pytest.mark.parametrize('files', MALICIOUS.values(), ids=MALICIOUS)
@pytest.mark.parametrize('nested', [False, True])
def test_archives_with_outside_paths_are_refused(write, folder, files, nested):
    archive = write({'inner.tar': tar(files)} if nested else files)
    around = tree(folder.parent)
    with pytest.raises(ValueError, match=r'set\.tar(\.gz)? is not safe to unpack'):
        untar(archive, folder, nested=nested)
    assert tree(folder.parent) == around
    assert not any(path.is_symlink() for path in folder.rglob('*'))


def test_destinations_outside_the_folder_are_refused(write, folder):
    with pytest.raises(ValueError, match='is not safe to unpack'):
        untar(write(FILES), folder, {'set/a/2.jpg': '../x'})
    assert tree(folder.parent) == {}


@pytest.mark.parametrize('kept', [0, 0.01, 0.5])
def test_damaged_archives_are_named(write, folder, kept):
    archive = write({'1.jpg': np.random.default_rng(0).bytes(20_000)})
    content = archive.read_bytes()[: int(kept * archive.stat().st_size)]
    archive.write_bytes(content or b'no archive' * 99)
    with pytest.raises(ValueError, match=r'set\.tar(\.gz)? is damaged'):
        untar(archive, folder)


def test_permissions_are_sane(write, folder):
    info = tarfile.TarInfo('x')
    info.mode = 0o4777
    untar(write({info: b'!'}), folder)
    assert (folder / 'x').stat().st_mode & 0o7022 == 0


def test_headers_are_not_kept_in_memory(write, folder, monkeypatch):
    kept = []
    extract = tarfile.TarFile.extract

    def counting(self, *args, **kwargs):
        kept.append(len(self.members))
        extract(self, *args, **kwargs)

    monkeypatch.setattr(tarfile.TarFile, 'extract', counting)
    untar(write({f'{i}.jpg': b'' for i in range(20)}), folder)
    assert len(kept) == 20
    assert max(kept) <= 1


def test_an_old_python_without_safe_unpacking_is_refused(write, folder, monkeypatch):
    monkeypatch.delattr(tarfile, 'data_filter')
    with pytest.raises(ValueError, match=r'Python 3\.\d+\.\d+ cannot .* 3\.10\.12'):
        untar(write(FILES), folder)


def test_gunzip(tmp_path):
    (tmp_path / 'x.gz').write_bytes(gzip.compress(b'content' * 1000))
    gunzip(tmp_path / 'x.gz', tmp_path / 'x')
    assert (tmp_path / 'x').read_bytes() == b'content' * 1000


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'not packed at all',
        lambda content: content[: len(content) // 2],
        lambda content: content[:12] + b'\xff\x00\xff\x00' + content[16:],
        lambda content: content[:-8] + b'\x00' * 8,
    ],
    ids=['no gzip', 'truncated', 'overwritten', 'wrong sum'],
)
def test_damaged_gzip_files_are_named(tmp_path, damage):
    (tmp_path / 'x.gz').write_bytes(damage(gzip.compress(bytes(range(256)) * 8)))
    with pytest.raises(ValueError, match=r'x\.gz is damaged'):
        gunzip(tmp_path / 'x.gz', tmp_path / 'x')


def test_a_gzip_bomb_is_refused_before_it_fills_the_disk(tmp_path):
    bomb = tmp_path / 'bomb.gz'
    bomb.write_bytes(gzip.compress(bytes(5_000_000)))

    with pytest.raises(ValueError, match=r'bomb\.gz is not safe.*more than 1,200,000'):
        gunzip(bomb, tmp_path / 'bomb', most=1_200_000)

    assert (tmp_path / 'bomb').stat().st_size < 1_200_000


def test_a_tar_bomb_is_refused_before_the_file_that_is_too_much(write, folder):
    files = {'a': b'1' * 60, 'b': b'2' * 60}
    archive = write(files)
    untar(archive, folder / 'enough', most=120)
    with pytest.raises(ValueError, match=r'not safe.*more than 119 bytes'):
        untar(archive, folder, most=119)
    assert tree(folder / 'enough') == files
    assert not (folder / 'b').exists()
