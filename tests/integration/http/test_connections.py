"""Connections that never finish: each ends by itself, and /health answers meanwhile."""

from __future__ import annotations

import socket

import pytest
from starlette.types import Receive, Scope, Send

from backend.interfaces.http import app_state
from backend.interfaces.http.body_limits import BodyLimits
from backend.interfaces.http.connections import BUSY, BoundedProtocol
from tests.fakes.servers.http_server import read_all, running_server
from tests.fakes.web import FakeWeb

POST = b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


class Impatient(BoundedProtocol):
    head_s = 0.2
    stall_s = 0.2


class Small(BoundedProtocol):
    head_s = 3600.0
    max_connections = 4


@pytest.mark.parametrize("head", [b"", b"GET", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_end_is_not_waited_for(head: bytes) -> None:
    with running_server(FakeWeb().app, Impatient) as server, server.connect() as client:
        client.sendall(head)
        assert read_all(client) == b""


def test_a_second_head_that_does_not_end_is_not_waited_for() -> None:
    with running_server(FakeWeb().app, Impatient) as server, server.connect() as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /he")
        client.sendall(b"a")
        assert read_all(client).count(b"HTTP/1.1 200") == 1


def test_a_body_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_state, "BodyLimits", lambda size: BodyLimits(size, 0.05, 0.2))
    with running_server(FakeWeb().app, BoundedProtocol) as server, server.connect() as client:
        client.sendall(POST + b"{")
        assert read_all(client).startswith(b"HTTP/1.1 408 ")


def test_the_rest_of_a_body_is_not_waited_for_after_the_reply() -> None:
    with running_server(FakeWeb().app, Impatient) as server, server.connect() as client:
        client.sendall(POST.replace(b"application/json", b"text/plain") + b"{")
        assert read_all(client).startswith(b"HTTP/1.1 415 ")


def test_health_answers_however_many_connections_are_idle() -> None:
    with running_server(FakeWeb().app, Small) as server:
        idle: list[socket.socket] = []
        for _ in range(20):
            idle.append(server.connect())
            assert server.health().startswith(b"HTTP/1.1 200 ")
        server.wait_for_connections(Small.max_connections - 1)
        assert read_all(idle[0]) == b""
        for client in idle:
            client.close()


def test_a_connection_more_than_can_be_answered_is_told_so() -> None:
    with running_server(FakeWeb().app, Small) as server:
        busy = [server.connect() for _ in range(Small.max_connections)]
        for client in busy:
            client.sendall(POST + b"{")
        server.wait_until_busy(Small.max_connections)
        assert server.health() == BUSY
        for client in busy:
            client.close()


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """A reply of 64 MiB, more than the system takes from a client that does not read."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for left in reversed(range(1024)):
        await send({"type": "http.response.body", "body": bytes(2**16), "more_body": left > 0})


def test_a_reply_that_is_not_read_is_given_up() -> None:
    with running_server(large, Impatient) as server, server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for_connections(1)
        server.wait_for_connections(0)
