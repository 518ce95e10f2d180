"""A prediction is pushed once after an outage of Label Studio. Real sockets, ledger and masks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.submit import Submitter
from backend.application.worker.job_runner import JobRunner
from backend.codecs.coco_rle import CocoCodec
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, PropagationRequest, PushState
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeMedia, FakeSegmenter
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.queue import FakeQueue
from tests.fakes.web import VIDEO

TASK = TaskKey(1, 41)
TOKEN = "0123456789abcdef0123456789abcdef01234567"


class LabelStudioStub:
    """Predictions and a task of one Label Studio on a real port.

    mode: "up", "503", or "no reply" (stores what is posted, and sends no reply).
    """

    def __init__(self, port: int = 0) -> None:
        self.mode = "up"
        self.rows: dict[int, dict[str, Any]] = {}
        self.task: dict[str, Any] = {"id": TASK.task_id, "data": {}}
        self.posts = 0
        studio = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "/api/tasks/" in self.path:
                    studio.answer(self, studio.task)
                else:
                    studio.answer(self, list(studio.rows.values()))

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if "/api/tasks/" in self.path and studio.mode != "503":
                    studio.task |= body
                studio.answer(self, studio.task)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                studio.posts += 1
                if studio.mode == "503":
                    studio.answer(self, {"detail": "down"})
                    return
                row = {"id": len(studio.rows) + 1, **json.loads(body)}
                studio.rows[row["id"]] = row
                studio.answer(self, row, status=201)

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server.server_port

    def answer(self, request: BaseHTTPRequestHandler, document: object, *, status: int = 200) -> None:
        if self.mode == "no reply" and request.command == "POST":
            request.connection.close()
            return
        content = json.dumps(document).encode()
        request.send_response(503 if self.mode == "503" else status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class PendingPush:
    """A finished propagation with a due push, and its pusher."""

    def __init__(self, folder: Path, port: int) -> None:
        self.clock = FakeClock()
        self.ledger: SqlLedger = open_ledger(f"sqlite:///{folder}/ledger.sqlite", self.clock)
        self.masks = FileMaskStore(folder / "masks")
        self.client = LabelStudioClient(f"http://127.0.0.1:{port}", TOKEN, timeout_s=60.0)
        self.pusher = Pusher(self.ledger, self.masks, self.client, build_regions, self.clock)
        prompt = FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
        media = MediaRef(("/data/clip.mp4",), is_pages=False)
        request = PropagationRequest(TASK, media, PromptSet.of([prompt], {}), label_config=VIDEO, model_version="m-1")
        job, _ = self.ledger.submit(JobKind.PROPAGATE, request)
        worker = JobRunner(
            self.ledger,
            self.masks,
            CocoCodec(),
            FakeMedia(),
            FakeSegmenter(),
            Submitter(self.ledger, FakeQueue()),
            self.clock,
            worker_name="worker-1",
            max_attempts=3,
            pushes=True,
            key_values=MemoryKeyValueStore(),
        )
        worker.run(job.job_id, job.attempt, lambda: False)

    def sweep(self, *, times: int) -> int:
        """Sweeps a second apart; returns the count of pushed predictions."""
        pushed = 0
        for _ in range(times):
            pushed += self.pusher.sweep()
            self.clock.advance(1.0)
        return pushed

    def state(self) -> PushState:
        push = self.ledger.latest_push(TASK)
        assert push is not None
        return push.state


@contextmanager
def opened(folder: Path, port: int) -> Iterator[PendingPush]:
    pending = PendingPush(folder, port)
    try:
        yield pending
    finally:
        pending.ledger.close()


@pytest.fixture
def studio() -> Iterator[LabelStudioStub]:
    running = LabelStudioStub()
    yield running
    running.stop()


def test_a_push_succeeds_once_label_studio_is_up(tmp_path: Path) -> None:
    first = LabelStudioStub()
    port = first.port
    first.stop()
    with opened(tmp_path, port) as pending:
        assert pending.sweep(times=5) == 0
        assert pending.state() is PushState.PENDING
        back = LabelStudioStub(port)
        try:
            assert pending.sweep(times=120) == 1
            assert (pending.state(), len(back.rows), back.posts) == (PushState.PUSHED, 1, 1)
            assert back.rows[1]["model_version"] == "m-1"
            assert back.rows[1]["result"][0]["type"] == "videorectangle"
        finally:
            back.stop()


def test_a_push_succeeds_after_server_errors(tmp_path: Path, studio: LabelStudioStub) -> None:
    studio.mode = "503"
    with opened(tmp_path, studio.port) as pending:
        assert pending.sweep(times=30) == 0
        studio.mode = "up"
        assert pending.sweep(times=120) == 1
        assert (pending.state(), len(studio.rows)) == (PushState.PUSHED, 1)
        assert pending.sweep(times=120) == 0


def test_a_lost_reply_makes_no_second_prediction(tmp_path: Path, studio: LabelStudioStub) -> None:
    studio.mode = "no reply"
    with opened(tmp_path, studio.port) as pending:
        pending.sweep(times=10)
        studio.mode = "up"
        pending.sweep(times=120)
        assert (pending.state(), len(studio.rows), studio.posts) == (PushState.PUSHED, 1, 1)


def test_another_process_pushes_after_the_first_one_dies(tmp_path: Path, studio: LabelStudioStub) -> None:
    studio.mode = "503"
    with opened(tmp_path, studio.port) as pending:
        pending.sweep(times=1)
        studio.mode = "up"
        with open_again(tmp_path, pending, studio.port) as other:
            pushed = 0
            for _ in range(120):
                pushed += other.sweep() + pending.pusher.sweep()
                pending.clock.advance(1.0)
        assert (pushed, len(studio.rows)) == (1, 1)


@contextmanager
def open_again(folder: Path, pending: PendingPush, port: int) -> Iterator[Pusher]:
    """A second process's pusher on the same ledger and masks."""
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite", pending.clock)
    client = LabelStudioClient(f"http://127.0.0.1:{port}", TOKEN, timeout_s=60.0)
    yield Pusher(ledger, pending.masks, client, build_regions, pending.clock)
    ledger.close()
