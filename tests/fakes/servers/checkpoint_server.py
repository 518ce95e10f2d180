"""A web server with one small file in the place of a published checkpoint, on loopback."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from backend.adapters.sam2.weights.checkpoints import PublishedCheckpoint

CONTENT = bytes(range(256)) * 400
NAME = "sam2.1_hiera_tiny.pt"
ENTRY = PublishedCheckpoint("tiny", NAME, hashlib.sha256(CONTENT).hexdigest(), "sam2.1_hiera_t.yaml")
"""`tiny`, with the hash of CONTENT."""

PIECES = 8
"""Pieces of a slow answer."""


class CheckpointServer(ThreadingHTTPServer):
    """Serves `content` under /models/.

    cut: the most bytes of a response. ranges: honours Range. pause_s: seconds before each of PIECES pieces.
    """

    content = CONTENT
    cut: int | None = None
    ranges = True
    pause_s = 0.0
    requested: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/"


class _Handler(BaseHTTPRequestHandler):
    server: CheckpointServer

    def do_GET(self) -> None:
        content, wanted = self.server.content, self.headers.get("Range")
        self.server.requested.append(wanted)
        if self.path != f"/models/{NAME}":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        stop = len(content) if self.server.cut is None else start + self.server.cut
        step = max(1, (stop - start) // (PIECES if self.server.pause_s else 1))
        for position in range(start, stop, step):
            time.sleep(self.server.pause_s)
            self.wfile.write(content[position : min(position + step, stop)])

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def checkpoint_server() -> Iterator[CheckpointServer]:
    """A running server."""
    with CheckpointServer(("127.0.0.1", 0), _Handler) as running:
        running.requested = []
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
