"""A real S3-compatible server with a bucket on disk (localbucket), in a process of its own, and a proxy with faults."""

from __future__ import annotations

import http.client
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.adapters.store.objects.shared import SharedStore

BUCKET = "masklet"
PATIENCE_S = 60.0


@dataclass
class Reply:
    """A fault: an answer of S3's instead of the server's own."""

    status: int
    code: str


CUT = "cut"
"""A fault: the connection is reset after half of the request's body."""

LOST = "lost"
"""A fault: the server does what was asked, but the connection is reset before its answer."""

Fault = Reply | str | float
"""A number: the answer comes so many seconds later."""


@dataclass
class FaultyServer:
    """A proxy before the server. fault: chooses for a method and a path; None: passed on."""

    port: int
    fault: Callable[[str, str], Fault | None] = lambda method, path: None
    drops_conditions: bool = False
    """Passes If-None-Match not on, as servers that do not know it."""
    seen: list[tuple[str, str]] = field(default_factory=list)

    def first(self, count: int, fault: Fault, method: str = "PUT", part: str = "") -> None:
        """Gives this fault to the first requests of a method whose path has a part."""
        left = count

        def choose(asked: str, path: str) -> Fault | None:
            nonlocal left
            if asked != method or part not in path or not left:
                return None
            left -= 1
            return fault

        self.fault = choose

    def always(self, fault: Fault) -> None:
        self.fault = lambda method, path: fault

    def never(self) -> None:
        self.fault = lambda method, path: None


@contextmanager
def object_store(folder: Path) -> Iterator[int]:
    """The port of a running server with one empty bucket, which lies in the folder."""
    (folder / BUCKET).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    argv = [sys.executable, "-m", "localbucket", "--port", str(port), str(folder)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
            return
        except OSError:
            assert time.monotonic() < end_s, "the server does not start"
            time.sleep(0.02)


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, server_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.server_port_behind = server_port
        self.faulty = FaultyServer(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        assert isinstance(self.server, _Proxy)
        faulty = self.server.faulty
        faulty.seen.append((self.command, self.path))
        fault = faulty.fault(self.command, self.path)
        length = int(self.headers.get("content-length") or 0)
        if fault == CUT:
            self.rfile.read(length // 2)
            self.reset()
            return
        body = self.rfile.read(length)
        if isinstance(fault, Reply):
            text = f"<Error><Code>{fault.code}</Code><Message>no</Message></Error>".encode()
            self.reply(fault.status, {"content-type": "application/xml"}, text)
            return
        if isinstance(fault, float):
            time.sleep(fault)
        status, headers, content = self.passed_on(body, self.server.server_port_behind, faulty.drops_conditions)
        if fault == LOST:
            self.reset()
        else:
            self.reply(status, headers, content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

    def passed_on(self, body: bytes, port: int, drops_conditions: bool) -> tuple[int, dict[str, str], bytes]:
        dropped = ("if-none-match",) if drops_conditions else ()
        kept = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as server:
            server.request(self.command, self.path, body, kept)
            answered = server.getresponse()
            return answered.status, dict(answered.getheaders()), answered.read()

    def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


@contextmanager
def faulty_server(server_port: int) -> Iterator[FaultyServer]:
    proxy = _Proxy(server_port)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy.faulty
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def client_variables(port: int) -> dict[str, str]:
    """The variables by which the store's client reaches the server at a port."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDMASKLET",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENG",
    }


def point_at(port: int, monkeypatch: pytest.MonkeyPatch, prefix: str) -> SharedStore:
    """The store at a port, by the variables that its client reads. prefix: of this test alone."""
    for name, value in client_variables(port).items():
        monkeypatch.setenv(name, value)
    return SharedStore.of(f"s3://{BUCKET}/{prefix}", allows_http=True)
