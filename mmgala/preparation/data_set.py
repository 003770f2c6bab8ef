"""Description of a data set: its files with their checksums, and its splits."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from mmgala.console.byte_bar import byte_bar
from mmgala.utils.files import read_chunks, write_text

Packing = Literal['none', 'gzip', 'tar', 'tar of tars', 'images']
CHECKSUM_FILE = 'SHA256SUMS'  # in the format of `sha256sum -c`, which skips comments
SOURCE_COMMENT = '# made from '


@dataclass(frozen=True)
class Checksum:
    """Published checksum of a file.

    Attributes:
        kind: ``'md5'`` or ``'sha256'``.
        value: hexadecimal digest.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f'{self.kind} {self.value}'

    def of(self, path: Path) -> 'Checksum':
        """Compute the checksum of a file by the same algorithm."""
        # A FIPS build of Python refuses MD5 unless it is not for security.
        digest = hashlib.new(self.kind, usedforsecurity=False)
        with (
            open(path, 'rb') as file,
            byte_bar(f'verifying {path.name}', path.stat().st_size) as bar,
        ):
            for chunk in read_chunks(file):
                digest.update(chunk)
                bar(file.tell())
        return Checksum(self.kind, digest.hexdigest())

    def matches(self, path: Path) -> bool:
        """Whether the file exists and has this checksum."""
        return path.is_file() and self.of(path) == self

    def require(self, path: Path) -> None:
        """Check that a file has this checksum.

        Raises:
            ValueError: if it has a different one.
        """
        found = self.of(path)
        if found != self:
            raise ValueError(
                f'{path} is not the published file ({found}, expected {self.value}).'
            )

    def require_content(self, name: str, content: bytes) -> None:
        """Check that the content of a file has this checksum.

        Raises:
            ValueError: if it has a different one.
        """
        found = hashlib.new(self.kind, content, usedforsecurity=False).hexdigest()
        if found != self.value:
            raise ValueError(
                f'{name} is not the published file ({self.kind} {found}, expected '
                f'{self.value}).'
            )


def published_checksums(
    sha256: Mapping[str, str], names: Iterable[str]
) -> dict[str, Checksum | None]:
    """SHA-256 checksum of each file; None for those without a published one."""
    return {
        name: Checksum('sha256', sha256[name]) if name in sha256 else None
        for name in names
    }


def write_checksums(folder: Path, names: Iterable[str], source: str = '') -> None:
    """Store the SHA-256 checksums of verified files.

    Args:
        folder: of the files.
        names: of the files.
        source: digest of what they were made from, stored as a comment.
    """
    lines = [f'{Checksum("sha256", "").of(folder / n).value}  {n}\n' for n in names]
    comment = f'{SOURCE_COMMENT}{source}\n' if source else ''
    write_text(folder / CHECKSUM_FILE, comment + ''.join(lines))


def read_checksums(folder: Path) -> dict[str, Checksum]:
    """Stored checksums by file name; empty if there are none."""
    path = folder / CHECKSUM_FILE
    if not path.is_file():
        return {}
    lines = path.read_text(errors='replace').splitlines()
    pairs = [line.partition('  ') for line in lines if not line.startswith('#')]
    return {name: Checksum('sha256', value) for value, _, name in pairs}


def recorded_source(folder: Path) -> str | None:
    """Digest of what the files were made from, if it is stored."""
    path = folder / CHECKSUM_FILE
    lines = path.read_text(errors='replace').splitlines() if path.is_file() else []
    found = [line for line in lines if line.startswith(SOURCE_COMMENT)]
    return found[0].removeprefix(SOURCE_COMMENT) if found else None


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
