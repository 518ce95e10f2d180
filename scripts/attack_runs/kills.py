"""kill -9 of a random process of a running stack, again and again, while prompts arrive; then counts what is lost.

Half of the kills meet a stack with SQLite, half one with PostgreSQL, whose server is killed too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.bootstrap.container import DataFolder
from backend.domain.jobs import OPEN_STATES, JobKind, PushState
from backend.domain.tasks import TaskKey
from scripts.attack_runs.label_studio import HEIGHT, PROJECT, WIDTH, LabelStudioStandIn, disc_at, label_studio
from scripts.attack_runs.postgresql import PostgresqlServer, postgresql

PAGES = 6
TASKS = 8
KILLS, QUICK_KILLS = 200, 12
SETTLE_S = 600.0
READY_S = 180.0
LONGEST_PAUSE_S = 20.0
"""The longest wait for an accepted click before the next kill."""

VICTIMS = ("web", "web", "interactive", "interactive", "propagate", "propagate", "queue", "queue", "supervisor")
"""The supervisor has a smaller share: its restart loads the model again."""

DATABASE_VICTIMS = ("database", "database", "database child")
"""Victims beside these where the ledger is in PostgreSQL: the server, which this starts again, and one child of it."""

CONFIG = (Path(__file__).parents[2] / "label_config" / "frames.xml").read_text(encoding="utf-8")


@dataclass
class KilledStack:
    """`masklet up` on a data folder, started again whenever the supervisor was killed."""

    folder: Path
    label_studio_url: str
    database: PostgresqlServer | None = None
    token: str = "none"
    process: subprocess.Popen[bytes] | None = None
    pids: dict[str, int] = field(default_factory=dict)
    url: str = ""

    def start(self) -> None:
        environment = {
            **os.environ,
            "MASKLET_DATA_DIR": str(self.folder),
            "MASKLET_MODEL": "demo",
            "MASKLET_REPLY_DEADLINE_S": "25",
            "MASKLET_HEARTBEAT_TTL_S": "30",
            "MASKLET_MAX_ATTEMPTS": "20",
            "LABEL_STUDIO_URL": self.label_studio_url,
            "LABEL_STUDIO_API_KEY": self.token,
            "DATABASE_URL": "" if self.database is None else self.database.url,
            "REDIS_URL": "",
        }
        (self.folder / "run.json").unlink(missing_ok=True)
        command = tied_to_parent([sys.executable, "-m", "backend.interfaces.cli", "up"])
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        """Raises TimeoutError after READY_S without an answer of /health."""
        deadline_s = time.monotonic() + READY_S
        while time.monotonic() < deadline_s:
            if self.process is None or self.process.poll() is not None:
                self.start()
            with suppress(OSError, ValueError, httpx.HTTPError):
                run = json.loads((self.folder / "run.json").read_text())
                self.url, self.pids = run["url"], {**run["pids"], "supervisor": run["supervisor"]}
                if httpx.get(f"{self.url}/health", timeout=2.0).is_success:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"masklet up did not answer within {READY_S:.0f} s; see {self.folder / 'up.log'}")

    @property
    def ledger_url(self) -> str:
        return DataFolder(self.folder).ledger_url if self.database is None else self.database.url

    @property
    def victims(self) -> tuple[str, ...]:
        """What can be killed now. Right after the web process's start a worker may be missing."""
        running = tuple(victim for victim in VICTIMS if victim in self.pids)
        return running if self.database is None else running + DATABASE_VICTIMS

    def kill(self, victim: str, rng: random.Random) -> None:
        if self.database is not None and victim in DATABASE_VICTIMS:
            if victim == "database":
                self.database.kill()
                self.database.start()
            else:
                self.database.kill_child(rng)
            return
        with suppress(ProcessLookupError):
            os.kill(self.pids[victim], signal.SIGKILL)
        if victim == "supervisor" and self.process is not None:
            self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@dataclass
class Annotators:
    """Threads that click on tasks. accepted: the clicks that were answered with 200, as (task, page, x in percent)."""

    stack: KilledStack
    address: str
    accepted: list[tuple[int, int, float]] = field(default_factory=list)
    refused: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        rng = random.Random(number)
        while not self.stopped.wait(rng.uniform(0.2, 1.0)):
            task = 1 + (number - 1) % TASKS
            page = rng.randrange(PAGES)
            x, y = disc_at(page)
            x_pct = round(100 * x / WIDTH + rng.uniform(-4, 4), 3)
            body = predict_body(task, page, x_pct, 100 * y / HEIGHT, address=self.address)
            try:
                reply = httpx.post(f"{self.stack.url}/predict", json=body, timeout=40.0)
            except httpx.HTTPError:
                self.refused += 1
                self.stopped.wait(1.0)
                continue
            if reply.is_success:
                self.accepted.append((task, page, x_pct))
            else:
                self.refused += 1


def predict_body(task: int, page: int, x_pct: float, y_pct: float, *, address: str) -> dict[str, object]:
    """A click as the page sends it. Coordinates in percent of the page."""
    region = {
        "id": f"k{task}-{page}",
        "type": "keypointlabels",
        "from_name": "point",
        "to_name": "frames",
        "origin": "manual",
        "item_index": page,
        "is_positive": True,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": {"x": x_pct, "y": y_pct, "width": 0.5, "keypointlabels": ["Object 1"]},
    }
    draft = {"id": 1, "user": f"ann{task}@example.org", "updated_at": "2026-01-01T00:00:00Z", "result": []}
    return {
        "tasks": [{"id": task, "project": PROJECT, "data": task_data(address), "drafts": [draft]}],
        "project": f"{PROJECT}.1700000000",
        "label_config": CONFIG,
        "params": {"login": "", "password": "", "context": {"result": [region]}},
    }


def task_data(address: str) -> dict[str, object]:
    """The data of every task: the pages of one clip."""
    return {"frames": [f"{address}/data/pages/{number}.jpg" for number in range(PAGES)]}


def run(quick: bool) -> dict[str, object]:
    """kills, accepted (clicks), refused, lost (accepted clicks without a prompt, jobs without an end, predictions that
    were not pushed), doubled (predictions of one task and model version beyond the first), killed (by victim); then the
    figures of each ledger."""
    kills = (QUICK_KILLS if quick else KILLS) // 2
    with postgresql() as server:
        figures = {"sqlite": run_on(None, kills), "postgresql": run_on(server, kills)}
    names = ("kills", "accepted", "refused", "lost", "doubled")
    return {**{name: sum(int(str(each[name])) for each in figures.values()) for name in names}, **figures}


def run_on(database: PostgresqlServer | None, kills: int) -> dict[str, object]:
    """The figures of kills of one stack, whose ledger is in a database, or in SQLite without one."""
    rng = random.Random(7)
    killed: dict[str, int] = {}
    studio = LabelStudioStandIn()
    with tempfile.TemporaryDirectory(prefix="masklet-kills-") as name, label_studio(studio) as address:
        studio.task_data = task_data(address)
        stack = KilledStack(Path(name), address, database)
        try:
            stack.wait_ready()
            annotators = Annotators(stack, address)
            threads = [threading.Thread(target=annotators.run, args=(n,)) for n in range(1, TASKS + 1)]
            for thread in threads:
                thread.start()
            try:
                for _ in range(kills):
                    accepted = len(annotators.accepted)
                    until_s = time.monotonic() + LONGEST_PAUSE_S
                    while len(annotators.accepted) == accepted and time.monotonic() < until_s:
                        time.sleep(0.05)
                    time.sleep(rng.uniform(0.05, 1.0))
                    victim = rng.choice(stack.victims)
                    stack.kill(victim, rng)
                    killed[victim] = killed.get(victim, 0) + 1
                    stack.wait_ready()
            finally:
                annotators.stopped.set()
                for thread in threads:
                    thread.join()
            if not annotators.accepted:
                raise RuntimeError(f"no click was accepted in {kills} kills: the attack shows nothing")
            losses = settled_losses(stack.ledger_url, annotators.accepted)
        finally:
            stack.stop()
    doubled = sum(count - 1 for count in studio.prediction_counts().values())
    return {
        "kills": kills,
        "accepted": len(annotators.accepted),
        "refused": annotators.refused,
        "lost": sum(losses.values()),
        "losses": losses,
        "doubled": doubled,
        "predictions": len(studio.predictions),
        "killed": killed,
    }


def settled_losses(ledger_url: str, accepted: list[tuple[int, int, float]]) -> dict[str, int]:
    """Waits until the ledger has no open job and no open push; returns the counts of losses."""
    deadline_s = time.monotonic() + SETTLE_S
    with closing(open_ledger(ledger_url, SystemClock())) as ledger:
        while time.monotonic() < deadline_s:
            open_jobs = ledger.jobs(project_id=PROJECT, states=OPEN_STATES)
            pushes = [ledger.latest_push(TaskKey(PROJECT, task)) for task in {task for task, _, _ in accepted}]
            if not open_jobs and all(push is not None and push.state is PushState.PUSHED for push in pushes):
                break
            time.sleep(0.5)
        stored = {
            (task, int(prompt.frame_index), round(100 * point.point.x_rel, 3))
            for task in {task for task, _, _ in accepted}
            for prompt in ledger.prompts(TaskKey(PROJECT, task), user=f"ann{task}@example.org")
            for point in prompt.points
        }
        without_prompt = sum((task, page, x_pct) not in stored for task, page, x_pct in set(accepted))
        not_ended = len(ledger.jobs(project_id=PROJECT, kind=JobKind.PROPAGATE, states=OPEN_STATES))
        not_pushed = sum(push is None or push.state is not PushState.PUSHED for push in pushes)
    return {"without_prompt": without_prompt, "not_ended": not_ended, "not_pushed": not_pushed}
