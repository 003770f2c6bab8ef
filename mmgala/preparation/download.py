"""Download of large files, which is resumed when interrupted, and verified."""

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

from mmgala.console import say
from mmgala.console.byte_bar import byte_bar
from mmgala.utils.files import CHUNK_BYTES

ATTEMPTS = 5  # consecutive ones without any new bytes
FIRST_WAIT = 1.0  # seconds before the second attempt; doubled after each
LONGEST_WAIT = 60.0
TIMEOUT = 30.0  # seconds without new data
HEADERS = {
    'User-Agent': 'mmgala',
    # Byte ranges and checksums refer to the uncompressed file.
    'Accept-Encoding': 'identity',
}

PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416
TRANSIENT = (408, 425, 429)  # and all codes from 500


@dataclass(frozen=True)
class Version:
    """Version of a file on a server.

    Attributes:
        url: address of the file.
        validator: the server's identifier of the version (``ETag`` or
            ``Last-Modified``), if it sends one.
        total: size of the whole file in bytes, if the server sends it.
    """

    url: str
    validator: str | None
    total: int | None

    @classmethod
    def of(cls, url: str, headers: Message) -> 'Version':
        """Read the version from the headers of a response."""
        etag = headers.get('ETag')
        if etag is not None and etag.startswith('W/'):
            etag = None  # different files may share a weak one
        total = headers.get('Content-Length')
        if (span := headers.get('Content-Range')) is not None:
            total = span.rpartition('/')[2]
        return cls(
            url,
            etag or headers.get('Last-Modified'),
            int(total) if total is not None and total.isdecimal() else None,
        )

    def may_equal(self, later: 'Version') -> bool:
        """Whether a later response may have the same version."""
        pairs = (
            (self.url, later.url),
            (self.validator, later.validator),
            (self.total, later.total),
        )
        return all(a == b for a, b in pairs if a is not None and b is not None)


class UnfinishedDownload:
    """An incomplete download: ``NAME.part``, and its version in ``NAME.part.json``.

    Args:
        path: path of the complete file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f'{path.name}.part')
        self.version_file = path.with_name(f'{path.name}.part.json')

    @property
    def size(self) -> int:
        """Number of downloaded bytes."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, url: str) -> Version | None:
        """Version of the downloaded bytes; those of another ``url`` are removed."""
        try:
            version = Version(**json.loads(self.version_file.read_text()))
        except (OSError, ValueError, TypeError):
            version = None
        if version is None or version.url != url:
            self.remove()
            return None
        return version

    def start(self, version: Version) -> None:
        """Start over with a file of this version."""
        # In this order, the version file never describes other bytes.
        self.remove()
        self.version_file.write_text(json.dumps(asdict(version)))

    def remove(self) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=True)
        self.version_file.unlink(missing_ok=True)

    def complete(self, path: Path) -> None:
        """Move the complete file to its final name."""
        with open(self.path, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(self.path, path)
        self.version_file.unlink(missing_ok=True)


class _TransferError(Exception):
    """A transfer failed for a reason that may be temporary."""


def download(url: str, path: Path, verify: Callable[[Path], None]) -> None:
    """Download a file, continuing an interrupted download.

    Args:
        url: address of the file, http or https.
        path: path of the verified file; until then, it is called ``NAME.part``.
        verify: function that raises ``ValueError`` for a wrong file.

    Raises:
        ValueError: if the file is wrong, or ``url`` is not http or https.
        ConnectionError: if the file cannot be downloaded.
    """
    if urlsplit(url).scheme not in ('http', 'https'):
        raise ValueError(f'Expected an http or https address, but got {url}.')
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = UnfinishedDownload(path)
    single_response = _fetch(url, unfinished)
    try:
        verify(unfinished.path)
    except ValueError:
        unfinished.remove()
        if single_response:
            raise
        # Possibly parts of two versions: not every server reports a changed file.
        say(f'The parts of {path.name} do not match; downloading it again.')
        _fetch(url, unfinished)
        try:
            verify(unfinished.path)
        except ValueError:
            unfinished.remove()
            raise
    unfinished.complete(path)


def _fetch(url: str, unfinished: UnfinishedDownload) -> bool:
    """Download the missing bytes; return whether one response had the whole file."""
    responses, failures, most = 0, 0, 0
    unfinished.version(url)
    resumed = unfinished.size > 0
    while True:
        most = max(most, unfinished.size)
        try:
            responses += 1
            _receive(url, unfinished)
            return responses == 1 and not resumed
        except _TransferError as error:
            failures = 1 if unfinished.size > most else failures + 1
            if failures == ATTEMPTS:
                raise ConnectionError(f'{url} cannot be downloaded: {error}') from error
            wait = min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT)
            say(f'{url}: {error}; trying again in {wait:.0f} s')
            time.sleep(wait)


def _receive(url: str, unfinished: UnfinishedDownload) -> None:
    """Request all missing bytes once."""
    before = unfinished.version(url)
    offset = unfinished.size
    if before is not None and offset and before.total == offset:
        return
    response = _open(url, before, offset)
    if response is None:
        unfinished.remove()
        raise _TransferError(
            'the downloaded part does not match the file on the server'
        )
    with response:
        version = Version.of(url, response.headers)
        if response.status != PARTIAL_CONTENT:
            offset = 0
            unfinished.start(version)
        elif (
            before is None
            or not before.may_equal(version)
            or _start(response) != offset
        ):
            unfinished.remove()
            raise _TransferError('the file has changed on the server')
        _copy(response, unfinished, offset, version.total)
    if version.total is not None and unfinished.size != version.total:
        raise _TransferError(
            f'the transfer ended after {unfinished.size:,} of {version.total:,} bytes'
        )


def _open(url: str, before: Version | None, offset: int) -> HTTPResponse | None:
    """Open a response, from ``offset`` or whole; None if ``offset`` is invalid."""
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
        text = f'the server responded with {error.code} {error.reason}'
        if error.code >= 500 or error.code in TRANSIENT:
            raise _TransferError(text) from error
        raise ConnectionError(f'{url} cannot be downloaded: {text}') from error
    except (OSError, HTTPException) as error:
        raise _TransferError(_reason(error)) from error


def _copy(
    response: Any, unfinished: UnfinishedDownload, offset: int, total: int | None
) -> None:
    name = unfinished.path.name.removesuffix('.part')
    with (
        open(unfinished.path, 'ab', opener=_open_no_link) as file,
        byte_bar(name, total, done=offset) as bar,
    ):
        while True:
            try:
                # `read` would wait for a whole chunk, and lose it on a timeout.
                chunk = response.read1(CHUNK_BYTES)
            except (OSError, HTTPException) as error:
                raise _TransferError(_reason(error)) from error
            if not chunk:
                return
            file.write(chunk)
            bar(file.tell())


def _open_no_link(path: str, flags: int) -> int:
    """Open a file whose name can be foreseen, but not where a link leads."""
    return os.open(path, flags | getattr(os, 'O_NOFOLLOW', 0), 0o666)


def _start(response: HTTPResponse) -> int | None:
    """Offset of the first byte of a response."""
    span = response.headers.get('Content-Range', '')
    start = span.removeprefix('bytes').strip().partition('-')[0]
    return int(start) if start.isdecimal() else None


def _reason(error: BaseException) -> str:
    reason = getattr(error, 'reason', None) or error
    return str(reason) or type(reason).__name__


def _opener() -> urllib.request.OpenerDirector:
    """Create an opener for http and https, also through proxies, but not for files."""
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
