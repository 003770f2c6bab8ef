"""What lies on disk of a download that is not complete."""

import json
import os
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path


@dataclass(frozen=True)
class Version:
    """Which version of a file a server sends.

    Attributes:
        url: that was asked for.
        validator: what the server knows the version by (``ETag`` or
            ``Last-Modified``), if it says.
        total: bytes of the whole file, if the server says.
    """

    url: str
    validator: str | None
    total: int | None

    @classmethod
    def of(cls, url: str, headers: Message) -> 'Version':
        """Version that a response with these headers is of."""
        etag = headers.get('ETag')
        if etag is not None and etag.startswith('W/'):
            etag = None  # a weak one also covers files that differ in bytes
        total = headers.get('Content-Length')
        if (span := headers.get('Content-Range')) is not None:
            total = span.rpartition('/')[2]
        return cls(
            url,
            etag or headers.get('Last-Modified'),
            int(total) if total is not None and total.isdecimal() else None,
        )

    def allows(self, later: 'Version') -> bool:
        """Whether what a later response brings may be of the same version."""
        pairs = (
            (self.url, later.url),
            (self.validator, later.validator),
            (self.total, later.total),
        )
        return all(a == b for a, b in pairs if a is not None and b is not None)


class Partial:
    """``NAME.part``, and beside it ``NAME.part.json``: the version that it is of.

    Args:
        path: of the file when it is complete.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f'{path.name}.part')
        self.note = path.with_name(f'{path.name}.part.json')

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, url: str) -> Version | None:
        """Version of what is there; anything else but ``url``'s is removed."""
        try:
            version = Version(**json.loads(self.note.read_text()))
        except (OSError, ValueError, TypeError):
            version = None
        if version is None or version.url != url:
            self.remove()
            return None
        return version

    def start(self, version: Version) -> None:
        """Begin anew, with a file of this version."""
        # In this order no moment has bytes under the name of another version.
        self.remove()
        self.note.write_text(json.dumps(asdict(version)))

    def remove(self) -> None:
        """Forget what is there."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def complete(self, path: Path) -> None:
        """Give the file its name."""
        with open(self.path, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(self.path, path)
        self.note.unlink(missing_ok=True)
