"""Checksums of files, and whether a file has the published one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mmgala.preparation.progress import progress_bar

CHUNK = 1 << 20


@dataclass(frozen=True)
class Checksum:
    """Published checksum of a file.

    Attributes:
        kind: ``'md5'`` or ``'sha256'``.
        value: in hexadecimal digits.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f'{self.kind} {self.value}'

    def of(self, path: Path) -> 'Checksum':
        """Checksum of the same kind of a file."""
        # The checksums are published as they are; a FIPS build refuses MD5 without it.
        digest = hashlib.new(self.kind, usedforsecurity=False)
        with (
            open(path, 'rb') as file,
            progress_bar(f'verifying {path.name}', path.stat().st_size) as bar,
        ):
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                bar(file.tell())
        return Checksum(self.kind, digest.hexdigest())

    def matches(self, path: Path) -> bool:
        """Whether there is such a file, and it has this checksum."""
        return path.is_file() and self.of(path) == self

    def require(self, path: Path) -> None:
        """Check a file.

        Raises:
            ValueError: if it has another checksum.
        """
        found = self.of(path)
        if found != self:
            raise ValueError(
                f'{path} is not the published file ({found}, expected {self.value}).'
            )
