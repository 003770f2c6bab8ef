"""Description of a data set: its files on disk, and its splits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from mmgala.preparation.checksums import Checksum, read_checksums

Packing = Literal['none', 'gzip', 'tar', 'tar of tars', 'images']


def uniform_counts(num_classes: int, count: int) -> Callable[[], list[int]]:
    """Return a function that gives ``count`` for each class."""
    return lambda: [count] * num_classes


@dataclass(frozen=True)
class Part:
    """One file or folder of a data set, and the file that it is created from.

    Attributes:
        target: path of the file or folder below the root.
        source: name of the file that it is created from; the same as ``target`` if
            nothing is unpacked.
        url: address of the source; None if programs may not download it.
        size: approximate size of the source in bytes.
        checksum: published checksum of the source, if there is one.
        packing: format of the source; ``'images'`` is an archive or folder of images
            that ``convert`` turns into the files of the part.
        unpacked_size: approximate number of bytes that unpacking adds.
        files: checksum of each required file below the root; None if it is stored when
            the file is created. Without ``files``, a part that exists is complete.
        select: function from the root to the files to unpack: path below the root, by
            name in the archive. By default, all files are unpacked.
        check_source: additional check of the source, which raises ``ValueError``.
        convert: function that reads the source and writes the files to a folder. Only
            for ``packing='images'``, where the source may be any file or folder.
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

    def is_complete(self, root: Path) -> bool:
        """Whether the part exists, with correct checksums where they are known."""
        if self.files:
            return not self.wrong_files(root)
        return (root / self.target).exists()

    def expected_checksums(self, root: Path) -> dict[str, Checksum | None]:
        """Expected checksum of each file; None if it was not stored."""
        recorded = read_checksums(root) if None in self.files.values() else {}
        return {name: known or recorded.get(name) for name, known in self.files.items()}

    def wrong_files(self, root: Path) -> list[str]:
        """Files that are missing or have an unexpected checksum."""
        return [
            name
            for name, known in self.expected_checksums(root).items()
            if known is None or not known.matches(root / name)
        ]

    def verify(self, path: Path) -> None:
        """Check a source file.

        Raises:
            ValueError: if the file is not the published one.
        """
        if self.checksum is not None:
            self.checksum.require(path)
        if self.check_source is not None:
            self.check_source(path)


@dataclass(frozen=True)
class Split:
    """Training, validation or test split of a data set.

    Attributes:
        name: name of the split.
        read: function from the root to the paths of the images below it (empty if the
            images are not separate files) and their labels.
        class_counts: function that returns the official number of images per class.
        needs: files below the root that ``read`` requires, with correct checksums.
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
        root: default folder, where the configs look for it.
        home: web page with its terms of use.
        parts: parts in the order of creation.
        splits: splits whose images are counted to check the data set.
        by_hand: how to get the files that programs may not download.
        alternative: another source of the data set.
    """

    name: str
    root: str
    home: str
    parts: Sequence[Part]
    splits: Sequence[Split]
    by_hand: str = ''
    alternative: str = ''
