"""A real HTTP server in this process, for what a client does below HTTP: slow heads, idle and unread connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from backend.interfaces.http.connections import BACKLOG, MAX_HEAD_BYTES, BoundedProtocol

PATIENCE_S = 60.0
"""How long a test waits for what must happen."""


@dataclass(frozen=True)
class RunningServer:
    port: int
    server: uvicorn.Server

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def ask(self, text: bytes) -> bytes:
        """The whole reply to a request that closes its connection."""
        with self.connect() as client:
            client.sendall(text)
            return read_all(client)

    def health(self) -> bytes:
        return self.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    def wait_for_connections(self, count: int) -> None:
        """Until the server has exactly so many."""
        self._wait(lambda: len(self.server.server_state.connections), count)

    def wait_until_busy(self, count: int) -> None:
        """Until exactly so many connections are being answered."""
        self._wait(lambda: sum(c.is_busy for c in self._connections), count)

    @property
    def _connections(self) -> list[BoundedProtocol]:
        return [c for c in set(self.server.server_state.connections) if isinstance(c, BoundedProtocol)]

    def _wait(self, figure: Callable[[], int], wanted: int) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while (found := figure()) != wanted:
            assert time.monotonic() < end_s, f"{found} connections, not {wanted}"
            time.sleep(0.01)


def read_all(client: socket.socket) -> bytes:
    """What comes until the server closes; nothing more after a reset."""
    received = b""
    try:
        while piece := client.recv(2**16):
            received += piece
    except ConnectionResetError:
        pass
    return received


@contextmanager
def running_server(app: ASGIApp, protocol: type[BoundedProtocol]) -> Iterator[RunningServer]:
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", log_config=None, h11_max_incomplete_event_size=MAX_HEAD_BYTES
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield RunningServer(listening.getsockname()[1], server)
        finally:
            server.should_exit = server.force_exit = True
            thread.join()
