"""The connections of the web process: heads, idle connections and unread replies are bounded in time and number.

uvicorn bounds idle time after a reply alone. A connection that never sends a head, sends it byte by byte, or does not
read its reply would stay for ever, and some thousand of them use up the process's file descriptors. Uses H11Protocol
of uvicorn 0.30 to 0.54: `cycle`, `connections`, `transport`, `loop`.
"""

from __future__ import annotations

import asyncio
import logging

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)

HEAD_S = 10.0
"""Longest time from a connection's start, or the first byte after a reply, to a whole head. Also how long the rest of a
body is waited for whose request was answered early."""

KEEP_ALIVE_S = 5
"""How long a connection is kept after a reply."""

STALL_S = 30.0
"""Longest time in which a client reads nothing of its reply."""

MAX_CONNECTIONS = 512
"""Half of the 1024 file descriptors that a process commonly has."""

BACKLOG = 128
"""Connections that the system keeps until they are accepted; as many are accepted at once."""

MAX_HEAD_BYTES = 64 * 2**10

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b'Content-Length: 58\r\n\r\n{"detail":"Masklet has too many connections; ask again"}\r\n'
)


class BoundedProtocol(H11Protocol):
    """One connection. When there are too many, the oldest that waits for a head makes room."""

    head_s = HEAD_S
    stall_s = STALL_S
    max_connections = MAX_CONNECTIONS

    _opened_s = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._opened_s = self.loop.time()
        self._watch()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._head_timer)
        self._head_timer = None
        _stop(self._stall_timer)
        self._stall_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body:
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        _stop(self._stall_timer)
        self._stall_timer = None

    def _watch(self) -> None:
        """Starts the timer of the head; stops it while a request is being answered."""
        if self.is_busy:
            _stop(self._head_timer)
            self._head_timer = None
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self.head_s, self.transport.abort)

    def _await_reader(self, left: int) -> None:
        """Closes the connection if, in stall_s, none of the left bytes were read."""

        def look() -> None:
            now_left = self.transport.get_write_buffer_size()
            if now_left >= left:
                self.transport.abort()
            else:
                self._await_reader(now_left)

        _stop(self._stall_timer)
        self._stall_timer = self.loop.call_later(self.stall_s, look)

    def _make_room(self) -> None:
        others = [other for other in self.connections if isinstance(other, BoundedProtocol) and other is not self]
        waiting = [other for other in others if not other.is_busy and not other.transport.is_closing()]
        if waiting:
            min(waiting, key=lambda other: other._opened_s).transport.abort()
        else:
            self.transport.write(BUSY)
            self.transport.close()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def serve_app(app: ASGIApp, *, host: str, port: int) -> None:
    """Serves the app until the process is told to stop."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        http=BoundedProtocol,
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        server_header=False,
    )
