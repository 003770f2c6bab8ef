"""Whether files were made from the source that ``--source`` names now.

Files with published checksums need no such comparison. Of others, nobody knows what
they should be, so a corrected source would go unnoticed.
"""

from pathlib import Path

from mmgala.preparation.data_set import Part, recorded_source
from mmgala.utils.files import file_digest


def source_digest(source: Path) -> str:
    """Digest of a file or of the files in a folder, in hexadecimal.

    Args:
        source: file, or folder with files at any depth.
    """
    if source.is_file():
        return file_digest(source)
    from mmgala.datasets.digest import files_digest  # late, as it takes seconds

    paths = sorted(str(path) for path in source.rglob('*') if path.is_file())
    return files_digest(paths)


def is_unpublished(part: Part) -> bool:
    """Whether some file of a part has no published checksum, and nor has its source."""
    if part.convert is not None:
        return None in part.files.values()
    return part.packing == 'none' and not part.files and part.checksum is None


def is_outdated(part: Part, root: Path, source: Path | None) -> bool:
    """Whether an existing part was made from other files than those of a source.

    Args:
        part: that exists.
        root: folder of the data set.
        source: what the part would be made from, if the user has named it.

    Returns:
        False if the source is published, or was not recorded by an earlier version.
    """
    if source is None or not is_unpublished(part):
        return False
    if part.convert is None:
        return file_digest(source) != file_digest(root / part.target)
    before = recorded_source(root)
    return before is not None and before != source_digest(source)
