"""Download large files: resumed where they broke off, verified before they count."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mmgala.utils.progress import progress_bar


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


ATTEMPTS = 5  # in a row without a new byte
FIRST_WAIT = 1.0  # seconds before the second attempt; doubled after each
LONGEST_WAIT = 60.0
TIMEOUT = 30.0  # seconds in which a server has to send something
CHUNK = 1 << 20
HEADERS = {
    'User-Agent': 'mmgala',
    # Packed on the way, neither ranges nor checksums would fit.
    'Accept-Encoding': 'identity',
}

PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416
TRANSIENT = (408, 425, 429)  # and everything from 500


class _BrokenOffError(Exception):
    """The transfer failed in a way that may pass."""


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https, through proxies, and nothing else: no files, no FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def download(url: str, path: Path, verify: Callable[[Path], None]) -> None:
    """Fetch a file. What is there of an earlier attempt is not fetched again.

    Args:
        url: of the file, http or https.
        path: of the complete, verified file; until then it is ``NAME.part``.
        verify: raises ``ValueError`` if the file that it is given is not the right one.

    Raises:
        ValueError: if the server sends another file, or ``url`` is not http or https.
        ConnectionError: if the file cannot be fetched.
    """
    if urlsplit(url).scheme not in ('http', 'https'):
        raise ValueError(f'Expected an http or https address, but got {url}.')
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(path)
    in_one_piece = _fetch(url, partial)
    try:
        verify(partial.path)
    except ValueError:
        partial.remove()
        if in_one_piece:
            raise
        # Pieces of two versions, perhaps: servers need not say that a file changed.
        print(f'{path.name} does not fit together; it is downloaded anew.', flush=True)
        _fetch(url, partial)
        try:
            verify(partial.path)
        except ValueError:
            partial.remove()
            raise
    partial.complete(path)


def _fetch(url: str, partial: Partial) -> bool:
    """Complete ``partial``; whether all of it came in one response."""
    responses, failures, most = 0, 0, 0
    partial.version(url)
    resumed = partial.size > 0
    while True:
        most = max(most, partial.size)
        try:
            responses += 1
            _receive(url, partial)
            return responses == 1 and not resumed
        except _BrokenOffError as error:
            failures = 1 if partial.size > most else failures + 1
            if failures == ATTEMPTS:
                raise ConnectionError(f'{url} cannot be downloaded: {error}') from error
            wait = min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT)
            print(f'{url}: {error}; trying again in {wait:.0f} s', flush=True)
            time.sleep(wait)


def _receive(url: str, partial: Partial) -> None:
    """One request: all that is missing, or as much as comes."""
    before = partial.version(url)
    offset = partial.size
    if before is not None and offset and before.total == offset:
        return
    response = _open(url, before, offset)
    if response is None:
        partial.remove()
        raise _BrokenOffError('the part that is here does not fit the file there')
    with response:
        version = Version.of(url, response.headers)
        if response.status != PARTIAL_CONTENT:
            offset = 0
            partial.start(version)
        elif before is None or not before.allows(version) or _start(response) != offset:
            partial.remove()
            raise _BrokenOffError('the file has changed on the server')
        _copy(response, partial, offset, version.total)
    if version.total is not None and partial.size != version.total:
        raise _BrokenOffError(
            f'it broke off after {partial.size:,} of {version.total:,} bytes'
        )


def _open(url: str, before: Version | None, offset: int) -> HTTPResponse | None:
    """Response from ``offset`` on, or whole; None if there is no such offset."""
    headers = dict(HEADERS)
    if before is not None and offset:
        headers['Range'] = f'bytes={offset}-'
        if before.validator is not None:
            headers['If-Range'] = before.validator
    request = urllib.request.Request(url, headers=headers)
    try:
        return _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE and 'Range' in headers:
            return None
        text = f'the server answers {error.code} {error.reason}'
        if error.code >= 500 or error.code in TRANSIENT:
            raise _BrokenOffError(text) from error
        raise ConnectionError(f'{url} cannot be downloaded: {text}') from error
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_reason(error)) from error


def _copy(response: Any, partial: Partial, offset: int, total: int | None) -> None:
    name = partial.path.name.removesuffix('.part')
    with (
        open(partial.path, 'ab') as file,
        progress_bar(name, total, done=offset) as bar,
    ):
        while True:
            try:
                # Not `read`: that waits for a whole chunk, and loses it on a timeout.
                chunk = response.read1(CHUNK)
            except (OSError, HTTPException) as error:
                raise _BrokenOffError(_reason(error)) from error
            if not chunk:
                return
            file.write(chunk)
            bar(file.tell())


def _start(response: HTTPResponse) -> int | None:
    """Offset at which a response begins."""
    span = response.headers.get('Content-Range', '')
    start = span.removeprefix('bytes').strip().partition('-')[0]
    return int(start) if start.isdecimal() else None


def _reason(error: BaseException) -> str:
    reason = getattr(error, 'reason', None) or error
    return str(reason) or type(reason).__name__
