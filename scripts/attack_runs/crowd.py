"""Twenty people carry and box at once on one task, then click faster than a worker answers; and 3,000 tasks at once.

Counts answers without masks and without `pending`, clicks that a worker computed after their request had ended, and the
processor time of the reconciler.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.application.jobs.reconcile import FULL_CHECK_S, Reconciler
from backend.application.jobs.submit import Submitter
from backend.bootstrap.container import DataFolder
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from scripts.attack_runs.kills import PAGES, KilledStack, predict_body, task_data
from scripts.attack_runs.label_studio import HEIGHT, WIDTH, LabelStudioStandIn, disc_at, label_studio

PEOPLE = 20
CLICKS, QUICK_CLICKS = 8, 2
"""Clicks of each person on one task, without pauses."""

RUN_S, STOP_S = 0.02, 0.98
"""A slow worker: it runs for this part of each second, and is stopped by a signal for the rest."""

BETWEEN_S = 5.0
"""The slow worker needs some of its turns between the choice of a click and its start; the waiter may go meanwhile."""

DEADLINE_S = 25.0
REPLY_TIMEOUT_S = 60.0
TASKS = 3000
SWEEPS = 5
SWEEP_PERIOD_S = 1.0
"""The web process sweeps once a second."""


@dataclass
class Answers:
    """What the people got. Seconds are those of answered clicks."""

    statuses: Counter[int] = field(default_factory=Counter)
    empty: int = 0
    shed: int = 0
    """503 with Retry-After, at once."""

    late: int = 0
    """503 without Retry-After, at the deadline."""

    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, reply: httpx.Response, seconds: float) -> None:
        answer: dict[str, Any] = reply.json()["results"][0] if reply.is_success else {}
        with self.lock:
            self.statuses[reply.status_code] += 1
            if reply.is_success:
                self.seconds.append(seconds)
                self.empty += not answer["result"] and "pending" not in answer
            elif reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                is_early = "retry-after" in reply.headers
                self.shed += is_early
                self.late += not is_early

    @property
    def p95_s(self) -> float:
        ordered = sorted(self.seconds)
        return round(ordered[int(0.95 * (len(ordered) - 1))], 3) if ordered else 0.0


@dataclass(frozen=True)
class Crowd:
    """Twenty people on one task of a running stack. address: of the stand-in for Label Studio."""

    url: str
    address: str

    def press(self, kind: str) -> Answers:
        """Everybody sends an action or a box in one moment, after a click of their own."""
        answers, at_once = Answers(), threading.Barrier(PEOPLE)

        def person(number: int) -> None:
            self._post(Answers(), self._click(number, 0))
            at_once.wait(REPLY_TIMEOUT_S * 2)
            self._post(answers, self._box(number) if kind == "box" else self._action(number))

        with ThreadPoolExecutor(PEOPLE) as people:
            list(people.map(person, range(PEOPLE)))
        return answers

    def click(self, count: int) -> Answers:
        """Everybody clicks, one click after the other, without a pause."""
        answers = Answers()

        def person(number: int) -> None:
            for turn in range(count):
                self._post(answers, self._click(number, 1 + turn % (PAGES - 1), shift_pct=0.1 * turn))

        with ThreadPoolExecutor(PEOPLE) as people:
            list(people.map(person, range(PEOPLE)))
        return answers

    def _post(self, answers: Answers, body: dict[str, object]) -> None:
        began_s = time.monotonic()
        reply = httpx.post(f"{self.url}/predict", json=body, timeout=REPLY_TIMEOUT_S)
        answers.take(reply, time.monotonic() - began_s)

    def _click(self, number: int, page: int, *, shift_pct: float = 0.0) -> dict[str, Any]:
        x, y = disc_at(page)
        body: dict[str, Any] = predict_body(
            1, page, 100 * x / WIDTH + number * 0.2 + shift_pct, 100 * y / HEIGHT, address=self.address
        )
        (task,) = body["tasks"]
        task["drafts"] = [{"id": number, "user": f"u{number}@example.org", "updated_at": "2026", "result": []}]
        return body

    def _action(self, number: int) -> dict[str, Any]:
        return self._with_region(number, {"value": {"x": 50, "y": 50, "width": 0.5, "keypointlabels": ["▶▶ end"]}})

    def _box(self, number: int) -> dict[str, Any]:
        sides = {"x": 30 + number * 0.3, "y": 25, "width": 30, "height": 50, "rotation": 0}
        value = {**sides, "rectanglelabels": ["Object 1"]}
        return self._with_region(number, {"type": "rectanglelabels", "from_name": "box", "value": value})

    def _with_region(self, number: int, changes: dict[str, Any]) -> dict[str, Any]:
        body = self._click(number, 0)
        (region,) = body["params"]["context"]["result"]
        region.update(changes, id=f"r{number}")
        return body


@contextmanager
def slowed(pid: int) -> Iterator[None]:
    """Inside, the process runs for RUN_S of each RUN_S + STOP_S."""
    ended = threading.Event()

    def alternate() -> None:
        while not ended.wait(RUN_S):
            os.kill(pid, signal.SIGSTOP)
            ended.wait(STOP_S)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=alternate, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def reconciler_share(folder: Path, tasks: int = TASKS) -> float:
    """The share of one core that sweeps need while this many tasks are queued."""
    clock, server = SystemClock(), EmbeddedValkey(folder)
    server.start()
    try:
        with closing(open_ledger(f"sqlite:///{folder}/ledger.sqlite", clock)) as ledger:
            queue = RqQueue(server.url)
            queue_tasks(ledger, queue, tasks)
            submitter = Submitter(ledger, queue)
            reconciler = Reconciler(ledger, queue, submitter, clock, None, heartbeat_ttl_s=60, max_attempts=3)
            time.sleep(2.5)  # younger jobs are not looked for
            full_s = processor_s(reconciler.sweep)
            usual_s = sum(processor_s(reconciler.sweep) for _ in range(SWEEPS)) / SWEEPS
            queue.close()
    finally:
        server.stop()
    return round(usual_s / SWEEP_PERIOD_S + full_s / FULL_CHECK_S, 4)


def processor_s(work: Callable[[], object]) -> float:
    """The processor time of a call in seconds."""
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def queue_tasks(ledger: SqlLedger, queue: RqQueue, tasks: int) -> None:
    """Records a propagation for each task in one transaction, and queues them."""
    prompt = FramePrompt(ObjectId("Object 1"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
    media = MediaRef(("/data/clip.mp4",), is_pages=False)
    requests = [
        PropagationRequest(TaskKey(1, task), media, PromptSet((prompt,)), model_version="masklet-demo")
        for task in range(1, tasks + 1)
    ]
    for job, _ in ledger.accept(TaskKey(1, 1), PromptSet(()), lambda _: requests):
        queue.enqueue(job, timeout_s=60)


def computed_without_waiter(folder: Path, deadline_s: float) -> int:
    """The count of done clicks that began after their request had ended."""
    with closing(open_ledger(DataFolder(folder).ledger_url, SystemClock())) as ledger:
        done = ledger.jobs(kind=JobKind.INTERACTIVE, states=(JobState.DONE,))
    return sum(job.timings_s.get("wait", 0.0) > deadline_s + BETWEEN_S for job in done)


def run(quick: bool) -> dict[str, object]:
    """empty (answers with 200, no masks and no `pending`), answered, refused (neither 200 nor 503), p95_s (of answered
    clicks of a usual worker), slow_answered, slow_shed (503 at once) and slow_late (503 at the deadline) of clicks of a
    slow worker, computed_without_waiter, reconciler_share (of a core, with 3,000 queued tasks)."""
    count = QUICK_CLICKS if quick else CLICKS
    studio = LabelStudioStandIn()
    with tempfile.TemporaryDirectory(prefix="masklet-crowd-") as name, label_studio(studio) as address:
        studio.task_data = task_data(address)
        stack = KilledStack(Path(name), address)
        try:
            stack.wait_ready()
            crowd = Crowd(stack.url, address)
            usual = [crowd.press("action"), crowd.press("box"), crowd.click(count)]
            with slowed(stack.pids["interactive"]):
                slow = crowd.click(count)
            unwaited = computed_without_waiter(Path(name), DEADLINE_S)
        finally:
            stack.stop()
    statuses = sum((answers.statuses for answers in (*usual, slow)), Counter[int]())
    with tempfile.TemporaryDirectory(prefix="masklet-crowd-") as name:
        share = reconciler_share(Path(name))
    return {
        "empty": sum(answers.empty for answers in (*usual, slow)),
        "answered": statuses[200],
        "refused": sum(statuses.values()) - statuses[200] - statuses[503],
        "p95_s": usual[-1].p95_s,
        "slow_answered": slow.statuses[200],
        "slow_shed": slow.shed,
        "slow_late": slow.late,
        "computed_without_waiter": unwaited,
        "reconciler_share": share,
    }
