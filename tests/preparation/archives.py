"""Archives in memory, and the files unpacked from them."""

import gzip
import hashlib
import io
import tarfile

from mmgala.preparation.data_set import Checksum


def tar(files, packed=False):
    """A tar archive of files ``{name: content}``; a content of ``None`` makes a folder.

    A name may be a ``TarInfo``, which is used as it is. Equal files make equal bytes
    at any time, so that the checksum of an archive holds for one that is made later.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        for name, content in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    content = buffer.getvalue()
    return gzip.compress(content, mtime=0) if packed else content


def special(name, kind, target=''):
    """A member that is neither a file nor a folder."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def tree(folder):
    """Contents of all files below a folder, by their path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def made_files(root):
    """As ``tree``, without the line that says which source the files are from."""
    files = tree(root)
    comment, files['SHA256SUMS'] = files['SHA256SUMS'].split(b'\n', 1)
    assert comment.startswith(b'# made from ')
    return files


def checksum(kind, content):
    """Checksum of bytes."""
    return Checksum(kind, hashlib.new(kind, content).hexdigest())
