"""A cluster for tests: two real web processes on one PostgreSQL, one Valkey and one S3-compatible store.

Each has a data folder of its own, and nothing of it is shared.

The worker is a thread of the test with a stand-in for the model. Label Studio is a small server: what it says of people
and tasks is all that the player asks for.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from redis import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.queue.job_notifier import RedisNotifier
from backend.adapters.queue.names import connect
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.signals import RedisPrewarmChannel
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.jobs.submit import Submitter
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.application.worker.scheduling.prewarm_loop import PrewarmLoop
from backend.bootstrap.container import Container, load_settings
from backend.codecs.coco_rle import CocoCodec
from backend.domain.jobs import JobState
from backend.interfaces.http.connections import BoundedProtocol
from scripts.attack_runs.postgresql import postgresql
from tests.fakes.engine import FakeMedia, FakeSegmenter
from tests.fakes.eventually import eventually
from tests.fakes.servers.http_server import running_server
from tests.fakes.servers.object_store import BUCKET, client_variables, object_store
from tests.unit.interfaces.http.player.builders import CHANGE, CONFIG

PATIENCE_S = 120.0
FIRST_PORT = 19660
TOKEN = "anns-token"


def label_studio() -> Starlette:
    """Ann, who sees task 8 of project 2."""

    def known(request: Request) -> bool:
        return request.headers.get("authorization", "").endswith(TOKEN)

    def answer(body: dict[str, Any]) -> Callable[[Request], Response]:
        return lambda request: JSONResponse(body) if known(request) else JSONResponse({"detail": "no"}, 401)

    task = {"id": 8, "project": 2, "data": {"video": "/data/clip.mp4"}, "annotations": [], "predictions": []}
    return Starlette(
        routes=[
            Route("/api/current-user/whoami", answer({"email": "ann@example.org", "first_name": "Ann", "id": 1})),
            Route("/api/tasks/8/", answer(task)),
            Route("/api/tasks/8", answer(task)),
            Route("/api/projects/2/", answer({"id": 2, "title": "Cats", "label_config": CONFIG})),
        ]
    )


@dataclass
class WorkerThread:
    """Runs prewarm requests, and jobs while `may_work` is set."""

    container: Container
    redis_url: str
    may_work: threading.Event = field(default_factory=threading.Event)
    _ends: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.queue = RqQueue(self.redis_url)
        self.ledger, media, engine = self.container.ledger, FakeMedia(), FakeSegmenter()
        self._model = engine.model
        self.container.model_announcement.announce(self._model)
        self._prewarm = PrewarmLoop(RedisPrewarmChannel(self.redis_url), media, engine, EngineLock())
        self._notifier = RedisNotifier(self.redis_url)
        self._runner = JobRunner(
            self.ledger,
            self.container.masks,
            CocoCodec(),
            media,
            engine,
            Submitter(self.ledger, self.queue),
            self.container.clock,
            worker_name="worker-1",
            max_attempts=3,
            pushes=False,
            key_values=self.container.key_values,
        )
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ends.set()
        self._thread.join(PATIENCE_S)
        self.queue.close()

    def _work(self) -> None:
        while not self._ends.is_set():
            self.container.model_announcement.keep(self._model)
            self._prewarm.run_next(0.05)
            if self.may_work.is_set():
                for job in reversed(self.ledger.jobs(states=(JobState.QUEUED,))):
                    self._runner.run(job.job_id, job.attempt, lambda: False)
                    self._notifier.notify(job.job_id)


@dataclass
class WebProcess:
    """`masklet serve` of one host."""

    url: str
    process: subprocess.Popen[bytes]
    http: httpx.Client

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def leases(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/health").json()["leases"]
        return found

    @property
    def runs_all_loops(self) -> bool:
        leases = self.leases()
        return bool(leases) and all(each["is_here"] for each in leases.values())


@dataclass
class Cluster:
    """webs: alternately asked by `ask`, as by a balancer without sticky sessions; cookies are the browser's."""

    webs: tuple[WebProcess, WebProcess]
    worker: WorkerThread
    valkey: Redis
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.webs)

    def ask(self, method: str, path: str, *, at: WebProcess | None = None, **options: Any) -> httpx.Response:  # noqa: ANN401
        """at: the web process; None: the other one than last time."""
        web = at or next(self._turns)
        web.http.cookies = self.cookies
        reply = web.http.request(method, path, headers=CHANGE, **options)
        self.cookies.update(reply.cookies)
        return reply


def _web(folder: Path, port: int, settings: dict[str, str]) -> WebProcess:
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "backend.interfaces.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(
            tied_to_parent(command),
            env={**os.environ, **settings, "MASKLET_DATA_DIR": str(folder)},
            stdout=log,
            stderr=log,
        )
    return WebProcess(url, process, httpx.Client(base_url=url, timeout=PATIENCE_S))


def _answers(web: WebProcess) -> bool:
    try:
        return web.http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def cluster(root: Path) -> Iterator[Cluster]:
    """Hosts share nothing of their data folders: masks lie in the store."""
    for host in ("a", "b", "worker", "queue"):
        (root / host).mkdir()
    with ExitStack() as running:
        store = running.enter_context(object_store(root / "store"))
        running.enter_context(patch.dict(os.environ, client_variables(store)))
        store_url = f"s3://{BUCKET}/cluster"
        server = running.enter_context(postgresql())
        valkey = EmbeddedValkey(root / "queue")
        valkey.start()
        running.callback(valkey.stop)
        label = running.enter_context(running_server(label_studio(), BoundedProtocol))
        settings = {
            "DATABASE_URL": server.url,
            "REDIS_URL": valkey.url,
            "MASKLET_STORE_URL": store_url,
            "LABEL_STUDIO_URL": f"http://127.0.0.1:{label.port}",
            "LABEL_STUDIO_API_KEY": TOKEN,
            "MASKLET_REPLY_DEADLINE_S": "60",
        }
        webs = tuple(_web(root / host, FIRST_PORT + n, settings) for n, host in enumerate(("a", "b")))
        for web in webs:
            running.callback(web.process.wait)
            running.callback(web.process.kill)
            running.callback(web.http.close)
        own = {"data_dir": root / "worker", "database_url": server.url, "redis_url": valkey.url, "store_url": store_url}
        container = Container(load_settings(**own))
        running.callback(container.ledger.close)
        worker = WorkerThread(container, valkey.url)
        running.callback(worker.end)
        eventually(lambda: all(map(_answers, webs)))
        yield Cluster((webs[0], webs[1]), worker, connect(valkey.url, timeout_s=PATIENCE_S))
