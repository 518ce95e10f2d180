"""A stand-in for Label Studio on loopback, which answers or fails as it is told: predictions, media, annotations."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PUSHED_PROJECT, SUBMITTED_PROJECT, SUBMITTER = 1, 2, "ann@example.org"
"""The projects that get predictions and that have submitted annotations, and the user who submitted them."""

NEVER = "1970-01-01T00:00:00.000000Z"

HANG_S = 0.1
"""How long a client waits for a stand-in that hangs, in real seconds."""


class Mood(StrEnum):
    """What the stand-in answers."""

    UP = "up"
    UNAVAILABLE = "503"
    HANG = "hang"
    RESET = "reset"
    LOST_REPLY = "lost_reply"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    BAD_REQUEST = "400"
    HTML = "html"


STATUS_MOODS = (Mood.UNAVAILABLE, Mood.UNAUTHORIZED, Mood.FORBIDDEN, Mood.NOT_FOUND, Mood.BAD_REQUEST)
OUTAGES = tuple(mood for mood in Mood if mood is not Mood.UP)


@dataclass(slots=True)
class SubmittedTasks:
    """The tasks of SUBMITTED_PROJECT, each with one annotation of a person. updated_at: by task id.

    task: the data of each; result: of each annotation; label_config: the project's.
    """

    task: dict[str, object]
    result: list[dict[str, object]]
    label_config: str
    updated_at: dict[int, str] = field(default_factory=dict)

    def answer(self, url: httpx.URL) -> object | None:
        """What Label Studio answers to a read of projects, tasks and their annotations; None if it is none of them."""
        match [part for part in url.path.split("/") if part]:
            case ["api", "projects", number]:
                return {"id": int(number), "label_config": self.label_config}
            case ["api", "tasks"]:
                found = [self._task(number) for number in sorted(self.updated_at, key=self.updated_at.__getitem__)]
                if not _since(url):  # the one that was changed last is asked for
                    found.reverse()
                return {
                    "tasks": [task for task in found if str(task["updated_at"]) >= _since(url)],
                    "total": len(found),
                }
            case ["api", "tasks", number]:
                return self._task(int(number))
            case ["api", "tasks", number, "annotations"]:
                if int(number) not in self.updated_at:
                    return []
                by = {"completed_by": 3, "created_username": f" {SUBMITTER}, 3"}
                written = {"id": int(number), **by, "was_cancelled": False, "result": self.result}
                return [{**written, "updated_at": self.updated_at[int(number)]}]
        return None

    def _task(self, number: int) -> dict[str, object]:
        if number not in self.updated_at:
            return {"id": number, "project": PUSHED_PROJECT, "data": {}, "updated_at": NEVER}
        return {"id": number, "project": SUBMITTED_PROJECT, "data": self.task, "updated_at": self.updated_at[number]}


def _since(url: httpx.URL) -> str:
    """The time of the query's filter; empty without one."""
    items = json.loads(url.params.get("query", "{}")).get("filters", {}).get("items", [])
    return "".join(str(item["value"]) for item in items if item["type"] == "Datetime")


class StandIn:
    """Label Studio behind a port of loopback."""

    def __init__(self, submitted: SubmittedTasks) -> None:
        self.submitted = submitted
        self.mood = Mood.UP
        self.rows: dict[int, dict[str, object]] = {}
        self.requests = 0
        self.lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                stand_in.answer(self, body)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        with self.lock:
            self.requests += 1
            mood = self.mood
        if mood is Mood.HANG:
            time.sleep(HANG_S * 3)
            return
        if mood is Mood.RESET:
            _reset(request)
            return
        if mood in STATUS_MOODS:
            _reply(request, int(mood), b'{"detail": "no"}', "application/json")
            return
        if mood is Mood.HTML:
            _reply(request, 200, b"<html>a page of the proxy</html>", "text/html")
            return
        status, content, media_type = self._work(request, body)
        if mood is Mood.LOST_REPLY and request.command != "GET":
            _reset(request)
            return
        _reply(request, status, content, media_type)

    def _work(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, str]:
        if request.path.startswith("/data/"):
            return 200, b"a video", "video/mp4"
        with self.lock:
            if request.command == "POST":
                row = {"id": len(self.rows) + 1, **json.loads(body)}
                self.rows[len(self.rows) + 1] = row
                return 201, json.dumps(row).encode(), "application/json"
            if request.command == "GET":
                url = httpx.URL(self.url + request.path)
                if (answer := self.submitted.answer(url)) is not None:
                    return 200, json.dumps(answer).encode(), "application/json"
                task = int(url.params["task"])
                found = [row for row in self.rows.values() if row["task"] == task]
                return 200, json.dumps(found).encode(), "application/json"
            number = int(request.path.rstrip("/").rpartition("/")[2])
            if request.path.startswith("/api/tasks/"):
                return 200, json.dumps({"id": number, **json.loads(body)}).encode(), "application/json"
            if request.command == "DELETE":
                self.rows.pop(number, None)
                return 204, b"", "application/json"
            self.rows[number] |= json.loads(body)
            return 200, json.dumps(self.rows[number]).encode(), "application/json"


def _reply(request: BaseHTTPRequestHandler, status: int, content: bytes, media_type: str) -> None:
    with suppress(OSError):
        request.send_response(status)
        request.send_header("content-type", media_type)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def _reset(request: BaseHTTPRequestHandler) -> None:
    """Ends the connection by RST."""
    with suppress(OSError):
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()
