"""An HTTP server on 127.0.0.1 for files in memory, with configurable faults."""

import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mmgala.preparation import download


@contextmanager
def quick_server(monkeypatch):
    """A :class:`FileServer`; downloads have short timeouts."""
    for name in ('http_proxy', 'https_proxy', 'all_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download, 'FIRST_WAIT', 0.0)
    monkeypatch.setattr(download, 'TIMEOUT', 0.5)
    server = FileServer()
    try:
        yield server
    finally:
        server.close()


@dataclass
class Request:
    """One request and its answer."""

    path: str
    range: str | None
    status: int = 0
    sent: int = 0


class FileServer:
    """Serves ``files``; each request gets the next of ``faults``, if there is one.

    Faults: ``('drop', n)`` closes the connection after n bytes, ``('hang', n)`` stops
    sending after n bytes, ``('status', code)`` and ``('redirect', url)``.
    """

    def __init__(self):
        self.files = {}
        self.faults = []
        self.log = []
        self.ranges = True  # whether ranges are supported
        self.validators = True  # whether it sends validators of a version
        self.if_range = True  # whether it sends the whole file if it has changed
        self.shift = 0  # bytes by which it misses the requested range
        self.lengths = True  # whether it sends the length of files
        self.stopped = threading.Event()

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self.server = Server(('127.0.0.1', 0), self._handler())
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={'poll_interval': 0.02}
        )
        self.thread.start()

    def close(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def serve(self, name, content):
        """Serve a file; return its URL."""
        self.files[f'/{name}'] = content
        return f'{self.url}/{name}'

    def sent(self, name=None):
        """Number of bytes sent of a file, or of all files."""
        return sum(r.sent for r in self.log if name is None or r.path == f'/{name}')

    def _handler(owner):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                answer(owner, self)

        return Handler


def answer(owner, handler):
    request = Request(handler.path, handler.headers.get('Range'))
    owner.log.append(request)
    kind, value = owner.faults.pop(0) if owner.faults else (None, None)
    content = owner.files.get(handler.path)
    if kind == 'redirect':
        request.status = 302
        handler.send_response(302)
        handler.send_header('Location', value)
        handler.send_header('Content-Length', '0')
        handler.end_headers()
        return
    if kind == 'status' or content is None:
        request.status = value if kind == 'status' else 404
        handler.send_error(request.status)
        return
    body = send_head(owner, handler, request, content)
    if kind in ('drop', 'hang'):
        body = body[:value]
    request.sent = len(body)  # now, as the client may go on as soon as it has the body
    try:
        handler.wfile.write(body)
    except OSError:
        return
    if kind == 'hang':
        owner.stopped.wait(60)
    handler.close_connection = True


def send_head(owner, handler, request, content):
    """Send status and headers; return the matching body."""
    etag = '"' + hashlib.sha1(content).hexdigest() + '"'
    start = wanted_start(owner, handler, etag)
    if start is not None and start >= len(content):
        request.status = 416
        handler.send_response(416)
        handler.send_header('Content-Range', f'bytes */{len(content)}')
        handler.send_header('Content-Length', '0')
        handler.end_headers()
        return b''
    request.status = 200 if start is None else 206
    handler.send_response(request.status)
    body = content[start or 0 :]
    if start is not None:
        body = body[: len(body) - owner.shift]
        span = f'bytes {start}-{start + len(body) - 1}/{len(content)}'
        handler.send_header('Content-Range', span)
    if owner.lengths:
        handler.send_header('Content-Length', str(len(body)))
    if owner.validators:
        handler.send_header('ETag', etag)
    handler.end_headers()
    return body


def wanted_start(owner, handler, etag):
    """Start of the requested range, if ranges are supported."""
    span = handler.headers.get('Range')
    if span is None or not owner.ranges:
        return None
    known = handler.headers.get('If-Range', etag)
    if owner.validators and owner.if_range and known != etag:
        return None
    return int(span.removeprefix('bytes=').partition('-')[0]) - owner.shift
