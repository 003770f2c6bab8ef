"""Unsafe and damaged archives of CIFAR give one-line errors and leave no files."""

import stat
import zipfile

import pytest

from mmgala.preparation.cifar import CIFAR100
from tests.preparation.archives import special, tar
from tests.preparation.refusing import refused
from tests.preparation.tiny_cifar import Images, zipped


def link(name):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


UNSAFE_ZIPS = {
    'parent': {'../x.png': b'!'},
    'parent below': {'top/train/../../x.png': b'!'},
    'absolute': {'/tmp/x.png': b'!'},
    'drive': {'C:/x.png': b'!'},
    'backslashes': {'..\\x.png': b'!'},
    'link': {link('top/train/apple/x.png'): b'/etc/passwd'},
    'link elsewhere': {link('top/readme'): b'/etc/passwd'},
}


@pytest.mark.parametrize('files', UNSAFE_ZIPS.values(), ids=UNSAFE_ZIPS)
def test_unsafe_zip_archives_are_refused(tmp_path, root, files):
    images, source = Images(), tmp_path / 'source.zip'
    source.write_bytes(zipped({**images.png_files(), **files}))

    refused(r'source\.zip is not safe to unpack: .* leads out', images, source, root)


@pytest.mark.parametrize(
    'member',
    [
        special('top/train/apple/x.png', b'2', '/etc/passwd'),
        special('top/train/apple/x.png', b'1', 'top/readme'),
        special('top/train/apple/x.png', b'3'),
    ],
    ids=['symlink', 'hard link', 'device'],
)
def test_unsafe_tar_archives_are_refused(tmp_path, root, member):
    images, source = Images(), tmp_path / 'source.tar'
    source.write_bytes(tar({member: b'', **images.png_files()}))

    refused(r'source\.tar is not safe to unpack: .* is a link', images, source, root)


def test_a_member_that_unpacks_to_too_many_bytes_is_not_read(tmp_path, root):
    """64 MB of zeros in 64 kB."""
    images, source = Images(), tmp_path / 'source.zip'
    name = 'top/train/bear/bomb.png'
    source.write_bytes(zipped({**images.png_files(), name: bytes(64_000_000)}))

    refused('at most 65,536 bytes, .* 64,000,000', images, source, root)


DAMAGES = {
    'truncated': lambda content: content[: len(content) // 2],
    'no archive': lambda content: b'no archive' * 999,
    'empty': lambda content: b'',
    'overwritten': lambda content: content[:3000] + bytes(4000) + content[7000:],
}


@pytest.mark.parametrize('damage', DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize('form', ['zip', 'tar', 'packed tar'])
def test_damaged_archives_are_named(tmp_path, root, damage, form):
    images, source = Images(), tmp_path / 'source'
    files = images.png_files()
    content = zipped(files) if form == 'zip' else tar(files, form == 'packed tar')
    source.write_bytes(damage(content))

    refused('source', images, source, root)


def test_an_encrypted_zip_archive(tmp_path, root):
    images, source = Images(), tmp_path / 'source.zip'
    content = bytearray(zipped(images.png_files()))
    for start in (b'PK\x03\x04', b'PK\x01\x02'):  # flags of each member, in both places
        at = -1
        while (at := content.find(start, at + 1)) >= 0:
            content[at + (6 if start[2] == 3 else 8)] |= 1
    source.write_bytes(bytes(content))

    refused('is encrypted: unpack it first', images, source, root)


def test_a_wrong_official_archive_is_not_opened(tmp_path, root):
    images = Images()
    source = tmp_path / CIFAR100.archive
    source.write_bytes(images.archive() + b'more')

    refused('is not the published file .md5', images, source, root)
