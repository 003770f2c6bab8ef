"""Whether the bytes of a checkpoint are those that were saved.

``torch.save`` writes a zip archive with a checksum of each part, which ``torch.load``
does not compare: a bit that a disk or a copy has flipped becomes another weight.
"""

import os
import zipfile
from typing import Any, BinaryIO

_CHUNK = 2**20  # bytes


def altered_part(source: Any) -> str | None:
    """Find a part of a checkpoint that has changed since it was saved.

    Args:
        source: path; or binary file, whose position is kept.

    Returns:
        Name of the first part whose checksum is wrong; ``None`` if there is none, or
        the file has no checksums, as with ``torch.serialization.set_crc32_options``.

    Raises:
        zipfile.BadZipFile: if the list of parts is damaged.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, 'rb') as file:
            return _altered_part(file)
    position = source.tell()
    try:
        return _altered_part(source)
    finally:
        source.seek(position)


def _altered_part(file: BinaryIO) -> str | None:
    if not zipfile.is_zipfile(file):
        return None  # of PyTorch before 1.6, or no checkpoint
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        # PyTorch never compresses; others may, and zlib notices what is damaged.
        parts = [p for p in archive.infolist() if p.compress_type == zipfile.ZIP_STORED]
        if sum(part.file_size for part in parts) > size:  # would take for ever to read
            raise zipfile.BadZipFile('its parts overlap')
        if not any(part.CRC for part in parts):
            return None
        return next((p.filename for p in parts if _is_altered(archive, p)), None)


def _is_altered(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(part) as content:
            while content.read(_CHUNK):
                pass
    except (zipfile.BadZipFile, EOFError):
        return True
    return False
