"""Published checksums of files, and those stored next to created files."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmgala.utils.files import read_chunks
from mmgala.utils.progress import progress_bar

CHECKSUM_FILE = 'SHA256SUMS'  # in the format of `sha256sum -c`


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
            progress_bar(f'verifying {path.name}', path.stat().st_size) as bar,
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


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Store the SHA-256 checksums of verified files."""
    lines = [f'{Checksum("sha256", "").of(folder / n).value}  {n}\n' for n in names]
    (folder / CHECKSUM_FILE).write_text(''.join(lines))


def read_checksums(folder: Path) -> dict[str, Checksum]:
    """Stored checksums by file name; empty if there are none."""
    path = folder / CHECKSUM_FILE
    if not path.is_file():
        return {}
    lines = path.read_text(errors='replace').splitlines()
    pairs = [line.partition('  ') for line in lines]
    return {name: Checksum('sha256', value) for value, _, name in pairs}
