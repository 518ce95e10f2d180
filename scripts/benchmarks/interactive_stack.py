"""The stack of the benchmarks of clicks: `masklet up`, a server for the pages, and what Label Studio's page sends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from backend.adapters.queue.child_process import tied_to_parent
from backend.domain.geometry import FrameSize
from backend.domain.tasks import TaskKey

SIZE = FrameSize(960, 540)
JPEG_QUALITY = 90
CONFIG = (Path(__file__).parents[2] / "label_config" / "frames.xml").read_text(encoding="utf-8")


def write_pages(folder: Path, count: int) -> list[str]:
    """Writes pages with a disc that moves over a noise background; returns their file names."""
    noise = np.random.default_rng(0).integers(0, 255, (SIZE.height // 20, SIZE.width // 20, 3)).astype(np.uint8)
    background = cv2.resize(noise, (SIZE.width, SIZE.height), interpolation=cv2.INTER_CUBIC)
    names = []
    for index in range(count):
        page = background.copy()
        cv2.circle(page, disc_at(index), SIZE.height // 6, (40, 220, 240), -1)
        names.append(f"{index:06d}.jpg")
        cv2.imwrite(str(folder / names[-1]), page, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return names


def disc_at(index: int) -> tuple[int, int]:
    """The disc's centre (x, y) on a page, in pixels."""
    return SIZE.width // 4 + index % (SIZE.width // 2), SIZE.height // 2


def click_body(
    task: TaskKey, addresses: Sequence[str], page: int, *, user: str, label: str, shift_px: int = 0
) -> bytes:
    """What Label Studio sends for a click on a page's disc. addresses: of the task's pages. shift_px: to the right."""
    x, y = disc_at(page)
    region = {
        "id": f"r{page}-{shift_px}-{label[0]}",
        "type": "keypointlabels",
        "from_name": "point",
        "to_name": "frames",
        "item_index": page,
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        "is_positive": True,
        "value": {"x": 100 * (x + shift_px) / SIZE.width, "y": 100 * y / SIZE.height, "keypointlabels": [label]},
    }
    # Label Studio saves a draft, which names the user, five seconds after an annotator's first change.
    draft = {"id": task.task_id, "user": user, "updated_at": "2026-01-01T00:00:00Z", "result": []}
    body = {
        "tasks": [
            {"id": task.task_id, "project": task.project_id, "data": {"frames": list(addresses)}, "drafts": [draft]}
        ],
        "project": f"{task.project_id}.1700000000",
        "label_config": CONFIG,
        "params": {"context": {"result": [region]}},
    }
    return json.dumps(body).encode()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves the files of a folder over HTTP; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def masklet_up(data_dir: Path, *, port: int, media: str, **settings: str) -> Iterator[str]:
    """Runs `masklet up` inside the block; yields its address. settings: environment variables."""
    environment = {
        **os.environ,
        "MASKLET_MEDIA_HOSTS": media,
        "LABEL_STUDIO_URL": media,
        "LABEL_STUDIO_API_KEY": "none",
        **settings,
    }
    command = [sys.executable, "-m", "backend.interfaces.cli", "up", "--data-dir", str(data_dir), "--port", str(port)]
    with (data_dir / "up.log").open("wb") as log:
        process = subprocess.Popen(
            tied_to_parent(command), env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        state, _, url = process.stdout.readline().strip().partition(" ")
        if state != "ready":
            # The folder may be temporary.
            end = "\n".join((data_dir / "up.log").read_text(errors="replace").splitlines()[-20:])
            raise SystemExit(f"{end}\nmasklet up did not start; see {data_dir / 'up.log'}")
        yield url
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
