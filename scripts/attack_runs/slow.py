"""Slow media beside other people's clicks: what a click on cached media and /health take meanwhile."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts.benchmarks.interactive_stack import masklet_up, write_pages
from tests.fakes.web import FRAMES, keypoint, predict_body

PORT = 19490
SLOW_CLICKS = 20
BYTES_PER_S = 10_000
QUICK_S, LONG_S = 20.0, 120.0
PAUSE_S = 0.5
REPLY_S = 25.0


def run(quick: bool) -> dict[str, object]:
    """SLOW_CLICKS people click on pages that come at BYTES_PER_S, or not at all; another clicks on a cached page.

    Figures: `alone_p50_s`, `alone_p95_s` (before the slow ones came), `other_clicks_p50_s`, `other_clicks_p95_s`,
    `other_clicks_failed`, `health_p99_s`, `slow_statuses`.
    """
    with tempfile.TemporaryDirectory(prefix="masklet-slow-") as folder:
        media, data_dir = Path(folder, "media"), Path(folder, "data")
        media.mkdir()
        data_dir.mkdir()
        page = (media / write_pages(media, 1)[0]).read_bytes()
        with (
            _serving(page) as address,
            masklet_up(
                data_dir, port=PORT, media=address, MASKLET_MODEL="demo", MASKLET_REPLY_DEADLINE_S=str(REPLY_S)
            ) as url,
        ):
            return _attacked(url, address, QUICK_S if quick else LONG_S)


def _attacked(url: str, address: str, duration_s: float) -> dict[str, object]:
    _clicked(url, 1, f"{address}/quick/page.jpg", 0)
    alone, _ = _clicks(url, address, duration_s / 2, first=1)
    with ThreadPoolExecutor(SLOW_CLICKS) as pool:
        slow = [
            pool.submit(_clicked, url, 100 + number, f"{address}/{'slow' if number % 2 else 'stuck'}/{number}.jpg", 0)
            for number in range(SLOW_CLICKS)
        ]
        time.sleep(1.0)
        clicks, health = _clicks(url, address, duration_s, first=1000)
        statuses = Counter(str(one.result()) for one in slow)
    seconds = [taken_s for taken_s, _ in clicks]
    return {
        "other_clicks": len(clicks),
        "alone_p50_s": _quantile([taken_s for taken_s, _ in alone], 0.5),
        "alone_p95_s": _quantile([taken_s for taken_s, _ in alone], 0.95),
        "other_clicks_p50_s": _quantile(seconds, 0.5),
        "other_clicks_p95_s": _quantile(seconds, 0.95),
        "other_clicks_failed": sum(status != 200 for _, status in clicks),
        "health_p99_s": _quantile(health, 0.99),
        "slow_statuses": dict(statuses),
    }


def _clicks(url: str, address: str, duration_s: float, *, first: int) -> tuple[list[tuple[float, int]], list[float]]:
    """One person's clicks on a cached page, each with its seconds and status; the seconds of /health between them."""
    clicks: list[tuple[float, int]] = []
    health: list[float] = []
    give_up_s = time.monotonic() + duration_s
    while time.monotonic() < give_up_s:
        number = first + len(clicks)
        clicks.append(_timed(lambda number=number: _clicked(url, 1, f"{address}/quick/page.jpg", number)))  # type: ignore[misc]
        health.append(_timed(lambda: _status(url + "/health"))[0])
        time.sleep(PAUSE_S)
    return clicks, health


def _clicked(url: str, task_id: int, page: str, number: int) -> int:
    task = {"id": task_id, "project": 1, "data": {"frames": [page]}}
    region = keypoint(page=0, x=20.0 + number % 60, region_id=f"k{task_id}")
    body = json.dumps(predict_body(task, label_config=FRAMES, regions=[region])).encode()
    return _status(urllib.request.Request(f"{url}/predict", body, {"Content-Type": "application/json"}))


def _status(request: str | urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=2 * REPLY_S) as reply:
            reply.read()
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    started_s = time.monotonic()
    status = work()
    return time.monotonic() - started_s, status


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3)


@contextmanager
def _serving(page: bytes) -> Iterator[str]:
    """Serves the page at once (/quick), at BYTES_PER_S (/slow), or never (/stuck)."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(("/quick/", "/slow/", "/stuck/")):
                self.send_error(404)
                return
            if self.path.startswith("/stuck/"):
                is_over.wait()
                return
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            step = len(page) if self.path.startswith("/quick/") else BYTES_PER_S // 10
            with suppress(OSError):
                for start in range(0, len(page), step):
                    self.wfile.write(page[start : start + step])
                    if step < len(page) and is_over.wait(0.1):
                        return

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
