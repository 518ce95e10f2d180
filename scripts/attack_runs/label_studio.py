"""A stand-in for Label Studio: pages, tasks and predictions on a loopback port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240
PROJECT = 1
Json = dict[str, Any]


@dataclass
class LabelStudioStandIn:
    """Serves `/data/pages/N.jpg`, tasks and predictions.

    task_data: of every task of project PROJECT. predictions: by id.
    """

    predictions: dict[int, Json] = field(default_factory=dict)
    task_data: Json = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prediction_counts(self) -> dict[tuple[int, str], int]:
        """The count of predictions by task and model version."""
        counts: dict[tuple[int, str], int] = {}
        with self.lock:
            for row in self.predictions.values():
                key = (int(row["task"]), str(row["model_version"]))
                counts[key] = counts.get(key, 0) + 1
        return counts

    def reply(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        """The status, content type and body for one request."""
        address, _, query = path.partition("?")
        if address.startswith("/data/pages/"):
            return 200, "image/jpeg", page(int(address.rpartition("/")[2].partition(".")[0]))
        status, document = self._api(method, address, query, body)
        return status, "application/json", b"" if document is None else json.dumps(document).encode()

    def _api(self, method: str, address: str, query: str, body: bytes) -> tuple[int, Any]:
        parts = [part for part in address.split("/") if part]
        with self.lock:
            if parts[:2] == ["api", "predictions"] and len(parts) == 2 and method == "GET":
                task = query.partition("task=")[2].partition("&")[0]
                return 200, [row for row in self.predictions.values() if str(row["task"]) == task]
            if parts[:2] == ["api", "predictions"] and method == "POST":
                row = {"id": len(self.predictions) + 1, **json.loads(body)}
                self.predictions[row["id"]] = row
                return 201, row
            if parts[:2] == ["api", "predictions"] and len(parts) == 3:
                return self._prediction(method, int(parts[2]), body)
            if parts[:2] == ["api", "tasks"] and len(parts) == 3:
                shown = {"id": int(parts[2]), "project": PROJECT, "data": self.task_data}
                return 200, {**shown, "annotations": [], "predictions": []}
            if parts[:2] == ["api", "tasks"]:
                return 200, []
        return 404, {"detail": "Not found."}

    def _prediction(self, method: str, prediction_id: int, body: bytes) -> tuple[int, Any]:
        if prediction_id not in self.predictions:
            return 404, {"detail": "Not found."}
        if method == "DELETE":
            del self.predictions[prediction_id]
            return 204, None
        if method == "PATCH":
            self.predictions[prediction_id] |= json.loads(body)
        return 200, self.predictions[prediction_id]


def page(number: int) -> bytes:
    """A JPEG of a disc on grey noise; the disc moves with the page's number."""
    picture = np.random.default_rng(0).integers(60, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    cv2.circle(picture, disc_at(number), HEIGHT // 5, (40, 220, 240), -1)
    return bytes(cv2.imencode(".jpg", picture)[1])


def disc_at(number: int) -> tuple[int, int]:
    """The disc's centre (x, y) on a page, in pixels."""
    return WIDTH // 3 + 3 * (number % 30), HEIGHT // 2


@contextmanager
def label_studio(stand_in: LabelStudioStandIn) -> Iterator[str]:
    """Serves a stand-in inside the block; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, kind, reply = stand_in.reply(self.command, self.path, body)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer

        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Prints nothing: a killed client breaks its connection."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
