"""A web server for tests, on this computer alone."""

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Serves bytes by path.

    Attributes:
        files: content of each path; others are answered 404.
        requests: paths that were asked for, in order.
        url: of the server, without a final slash.
    """

    def __init__(self):
        self.files = {}
        self.requests = []
        self.url = ''

    def publish(self, content):
        """Serve content under a name as OpenMMLab gives it; return the name."""
        checksum = hashlib.sha256(content).hexdigest()[:8]
        name = f'resnet152_8xb32_in1k_20210901-{checksum}.pth'
        self.files[f'/models/{name}'] = content
        return name


@contextlib.contextmanager
def serve():
    """A running :class:`FileServer`."""
    server = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # the name that http.server calls
            server.requests.append(self.path)
            content = server.files.get(self.path.partition('?')[0])
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Say nothing."""

    http_server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.url = f'http://127.0.0.1:{http_server.server_port}'
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()
