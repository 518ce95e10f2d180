"""The target of attacks on the web process: `masklet up` with the demo model, and the files of a Label Studio.

The Label Studio here answers two kinds of request: files below a folder, and the data of tasks.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.benchmarks.engine_figures.under_load import free_port
from scripts.benchmarks.interactive_stack import masklet_up

MIB = 2**20
JSON = {"Content-Type": "application/json"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """status: 0 for a broken connection or none within the time."""

    status: int
    sentence: str
    seconds: float


@dataclass
class Target:
    """A running Masklet. files: what its Label Studio serves. tasks: the data of Label Studio's tasks, by id."""

    url: str
    port: int
    files: Path
    files_url: str
    tasks: dict[int, tuple[int, Json]]
    web_pid: int
    fetched: list[str] = field(default_factory=list)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Json | None = None, timeout_s: float = 60.0
    ) -> Reply:
        started_s = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, JSON if headers is None else headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read(2**16)
        except (OSError, ValueError) as error:
            return Reply(0, type(error).__name__, time.monotonic() - started_s)
        finally:
            connection.close()
        return Reply(status, _sentence(content), time.monotonic() - started_s)

    def post(self, path: str, document: object) -> Reply:
        return self.send("POST", path, json.dumps(document).encode())

    def rss_mib(self) -> float:
        """Resident memory of the web process."""
        for line in Path(f"/proc/{self.web_pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


class Watch:
    """Asks for /health and reads the memory, again and again, while the block runs."""

    def __init__(self, target: Target, *, period_s: float = 0.05) -> None:
        self._target, self._period_s = target, period_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.health_s: list[float] = []
        self.failures = 0
        self.start_mib = self.peak_mib = target.rss_mib()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def figures(self) -> Json:
        waits = sorted(self.health_s)
        return {
            "health_asked": len(waits),
            "health_failures": self.failures,
            "health_p50_s": round(waits[len(waits) // 2], 3) if waits else None,
            "health_p99_s": round(waits[int(len(waits) * 0.99)], 3) if waits else None,
            "rss_growth_mib": round(self.peak_mib - self.start_mib, 1),
        }

    def _run(self) -> None:
        while not self._ended.wait(self._period_s):
            reply = self._target.send("GET", "/health", headers={}, timeout_s=30.0)
            self.health_s.append(reply.seconds)
            self.failures += reply.status != 200
            with suppress(OSError):
                self.peak_mib = max(self.peak_mib, self._target.rss_mib())


@contextmanager
def attacked(**settings: str) -> Iterator[Target]:
    """Runs Masklet inside the block. settings: environment variables."""
    root = Path(tempfile.mkdtemp(prefix="masklet-attack-"))
    files, data = root / "files", root / "data"
    files.mkdir()
    data.mkdir()
    tasks: dict[int, tuple[int, Json]] = {}
    fetched: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_LabelStudio, tasks, fetched, directory=str(files)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files_url = f"http://127.0.0.1:{server.server_port}"
    port = free_port()
    try:
        with masklet_up(data, port=port, media=files_url, MASKLET_MODEL="demo", **settings) as url:
            yield Target(url, port, files, files_url, tasks, _listener(port), fetched)
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(root, ignore_errors=True)


class _LabelStudio(SimpleHTTPRequestHandler):
    def __init__(self, tasks: dict[int, tuple[int, Json]], fetched: list[str], *args: Any, **more: Any) -> None:  # noqa: ANN401
        self._tasks, self._fetched = tasks, fetched
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        self._fetched.append(self.path)
        number = self.path.removeprefix("/api/tasks/").strip("/")
        if not self.path.startswith("/api/tasks/") or not number.isdecimal():
            super().do_GET()
            return
        project, data = self._tasks.get(int(number), (0, {}))
        body = json.dumps({"id": int(number), "project": project, "data": data, "annotations": [], "predictions": []})
        self.send_response(200 if project else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        return


def _listener(port: int) -> int:
    """The process that listens on a port."""
    inode = next(
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    )
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return int(descriptor.parts[2])
    raise SystemExit(f"no process listens on port {port}")


def _sentence(content: bytes) -> str:
    with suppress(ValueError, AttributeError):
        return str(json.loads(content).get("detail", ""))[:160]
    return content[:80].decode(errors="replace")
