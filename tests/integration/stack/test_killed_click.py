"""A worker is killed during a click: the retry answers the click, or the reply has the reason.

Real processes and kill -9. The page server holds its responses, and so the job stays running until the kill.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.domain.jobs import Job, JobKind, JobState
from scripts.benchmarks.interactive_stack import masklet_up
from tests.fakes.eventually import eventually
from tests.fakes.web import FRAMES, keypoint, predict_body

pytestmark = pytest.mark.slow

PAGE = cv2.imencode(".png", np.full((64, 96, 3), 90, np.uint8))[1].tobytes()


class Pages:
    """A server of pages. It holds its responses until `is_open` is set."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pages.is_open.wait(120)
                try:
                    self.send_response(200)
                    self.send_header("content-length", str(len(PAGE)))
                    self.end_headers()
                    self.wfile.write(PAGE)
                except OSError:
                    return  # the client was killed meanwhile

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def stack_with(folder: Path, port: int, pages: Pages) -> Iterator[tuple[httpx.Client, SqlLedger]]:
    settings = {
        "MASKLET_MODEL": "demo",
        "MASKLET_THREADS": "1",
        "MASKLET_MAX_ATTEMPTS": "2",
        "MASKLET_REPLY_DEADLINE_S": "90",
        "MASKLET_PROPAGATE_ON_PROMPT": "false",
        "MASKLET_HEARTBEAT_TTL_S": "3600",
    }
    with (
        masklet_up(folder, port=port, media=pages.url, **settings) as url,
        closing(open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}", SystemClock())) as ledger,
        httpx.Client(base_url=url, timeout=100.0) as http,
    ):
        yield http, ledger


def running_click(ledger: SqlLedger, attempt: int) -> Job | None:
    """The running click with this attempt number."""
    jobs = ledger.jobs(states=(JobState.RUNNING,))
    return next((job for job in jobs if job.kind is JobKind.INTERACTIVE and job.attempt == attempt), None)


def kill_worker(folder: Path, ledger: SqlLedger, *, attempt: int) -> None:
    eventually(lambda: running_click(ledger, attempt) is not None)
    os.kill(json.loads((folder / "run.json").read_text())["pids"]["interactive"], signal.SIGKILL)


def click(http: httpx.Client, pages: Pages, task_id: int) -> httpx.Response:
    task = {"id": task_id, "project": 1, "data": {"frames": [f"{pages.url}/{task_id}.png"]}}
    region = {**keypoint(page=0), "original_width": 96, "original_height": 64}
    return http.post("/predict", json=predict_body(task, label_config=FRAMES, regions=[region]))


def test_a_click_is_retried_or_answered_with_the_reason(tmp_path: Path) -> None:
    pages = Pages()
    with stack_with(tmp_path, 19600, pages) as (http, ledger), ThreadPoolExecutor(1) as annotator:
        # Killed once: another attempt answers the waiting request.
        waiting = annotator.submit(click, http, pages, 1)
        kill_worker(tmp_path, ledger, attempt=1)
        eventually(lambda: ledger.jobs()[0].attempt == 2)
        pages.is_open.set()
        reply = waiting.result()
        assert reply.status_code == 200, reply.text
        (prediction,) = reply.json()["results"]
        assert prediction["model_version"].startswith("masklet-demo-")
        (job,) = ledger.jobs()
        assert job.state is JobState.DONE
        assert job.attempt >= 2  # an attempt that waited for the page goes back to the queue, and counts as none

        # Killed at every attempt: the request is answered with the reason.
        pages.is_open.clear()
        waiting = annotator.submit(click, http, pages, 2)
        kill_worker(tmp_path, ledger, attempt=1)
        kill_worker(tmp_path, ledger, attempt=2)
        reply = waiting.result()
        pages.is_open.set()
        assert reply.status_code == 503
        assert reply.json()["detail"].startswith("the worker interactive-")
        assert reply.json()["detail"].endswith(" died")
    pages.server.shutdown()
    pages.server.server_close()
