"""What a data set consists of: the parts on disk, and the splits that they hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from mmgala.preparation.checksums import Checksum, read_record

Packing = Literal['none', 'gzip', 'tar', 'tar of tars', 'images']


def uniform_counts(num_classes: int, count: int) -> Callable[[], list[int]]:
    """Gives ``count`` for each class."""
    return lambda: [count] * num_classes


@dataclass(frozen=True)
class Part:
    """One file or folder of a data set, and the file that it is made from.

    Attributes:
        target: the file or folder, below the root.
        source: name of the file that it is made from; the same as ``target`` where
            there is nothing to unpack.
        url: of the source; None where a program may not fetch it.
        size: bytes of the source, about.
        checksum: of the source, where one is published.
        packing: what the source is; ``'images'``: an archive or a folder of images that
            ``make`` turns into the files of the part.
        unpacked_size: bytes that unpacking adds, about.
        files: checksum of each file below the root that the part must have, where
            published. None stands for one that was written down when the file was made.
            A part without ``files`` is right when it is there.
        members: maps the root to the files to unpack, name in the archive -> path
            below the root; all of them if None.
        accept: another check of the source, which raises ``ValueError``.
        make: takes the source and a folder, and writes the files there. Only with
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
    members: Callable[[Path], Mapping[str, str]] | None = None
    accept: Callable[[Path], None] | None = None
    make: Callable[[Path, Path], None] | None = None

    def is_right(self, root: Path) -> bool:
        """Whether the part is there, as published where that is known."""
        if self.files:
            return not self.wrong_files(root)
        return (root / self.target).exists()

    def expected(self, root: Path) -> dict[str, Checksum | None]:
        """Checksum that each file must have; None where it was not written down."""
        recorded = read_record(root) if None in self.files.values() else {}
        return {name: known or recorded.get(name) for name, known in self.files.items()}

    def wrong_files(self, root: Path) -> list[str]:
        """Files with a known checksum that are missing or have another."""
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
        if self.accept is not None:
            self.accept(path)


@dataclass(frozen=True)
class Split:
    """Training, validation or test part of a data set.

    Attributes:
        name: of the split.
        read: maps the root to the images' paths below it (none where they are not
            files of their own) and labels.
        class_counts: gives the official number of images of each class.
        needs: files below the root that are read, and that must be as published where
            that is known.
    """

    name: str
    read: Callable[[Path], tuple[Sequence[str], np.ndarray]]
    class_counts: Callable[[], Sequence[int]]
    needs: Sequence[str] = ()


@dataclass(frozen=True)
class DataSet:
    """A data set that can be prepared.

    Attributes:
        name: on the command line.
        root: where the configs look for it.
        home: page with its terms of use.
        parts: in the order in which they are made.
        splits: that are checked.
        by_hand: how to get what a program may not fetch.
        elsewhere: another place to get the set from.
    """

    name: str
    root: str
    home: str
    parts: Sequence[Part]
    splits: Sequence[Split]
    by_hand: str = ''
    elsewhere: str = ''
