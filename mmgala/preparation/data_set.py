"""What a data set consists of: the parts on disk, and the splits that they hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from mmgala.preparation.checksums import Checksum, read_checksums

Packing = Literal['none', 'gzip', 'tar', 'tar of tars', 'images']


def uniform_counts(num_classes: int, count: int) -> Callable[[], list[int]]:
    """Gives ``count`` for each class."""
    return lambda: [count] * num_classes


@dataclass(frozen=True)
class Part:
    """One file or folder of a data set, and the file that it is made from.

    Attributes:
        target: the file or folder, below the root.
        source: name of the file that it is made from; the same as ``target`` if there
            is nothing to unpack.
        url: of the source; None if programs may not download it.
        size: approximate size of the source in bytes.
        checksum: of the source, if one is published.
        packing: what the source is; ``'images'``: an archive or a folder of images that
            ``convert`` turns into the files of the part.
        unpacked_size: approximate number of bytes that unpacking adds.
        files: checksum of each file below the root that the part must have, or None if
            it is stored when the file is created. A part without ``files`` is right
            when it exists.
        select: maps the root to the files to unpack, name in the archive -> path below
            the root. By default all files are unpacked.
        check_source: further check of the source, which raises ``ValueError``.
        convert: takes the source and a folder, and writes the files there. Only with
            ``packing='images'``: the source may then be any file or folder.
    """

    target: str
    source: str
    url: str | None
    size: int
    checksum: Checksum | None = None
    packing: Packing = 'none'
    unpacked_size: int = 0
    files: Mapping[str, Checksum | None] = field(default_factory=dict)
    select: Callable[[Path], Mapping[str, str]] | None = None
    check_source: Callable[[Path], None] | None = None
    convert: Callable[[Path, Path], None] | None = None

    def is_right(self, root: Path) -> bool:
        """Whether the part exists, with the right checksums where they are known."""
        if self.files:
            return not self.wrong_files(root)
        return (root / self.target).exists()

    def expected(self, root: Path) -> dict[str, Checksum | None]:
        """Checksum that each file must have; None if it was not stored."""
        recorded = read_checksums(root) if None in self.files.values() else {}
        return {name: known or recorded.get(name) for name, known in self.files.items()}

    def wrong_files(self, root: Path) -> list[str]:
        """Files that are missing or have another checksum than expected."""
        return [
            name
            for name, known in self.expected(root).items()
            if known is None or not known.matches(root / name)
        ]

    def verify(self, path: Path) -> None:
        """Check the source.

        Raises:
            ValueError: if the file is not the published one.
        """
        if self.checksum is not None:
            self.checksum.require(path)
        if self.check_source is not None:
            self.check_source(path)


@dataclass(frozen=True)
class Split:
    """Training, validation or test part of a data set.

    Attributes:
        name: of the split.
        read: maps the root to the paths of the images below it (none if the images are
            not separate files) and their labels.
        class_counts: gives the official number of images of each class.
        needs: files below the root that ``read`` needs, with the right checksums.
    """

    name: str
    read: Callable[[Path], tuple[Sequence[str], np.ndarray]]
    class_counts: Callable[[], Sequence[int]]
    needs: Sequence[str] = ()


@dataclass(frozen=True)
class DataSet:
    """A data set that can be prepared.

    Attributes:
        name: name on the command line.
        root: folder where the configs look for it.
        home: page with its terms of use.
        parts: in the order in which they are created.
        splits: whose images are counted to check the set.
        by_hand: how to get what programs may not download.
        elsewhere: another source of the set.
    """

    name: str
    root: str
    home: str
    parts: Sequence[Part]
    splits: Sequence[Split]
    by_hand: str = ''
    elsewhere: str = ''
