"""kill -9 of the web process that routes the work of a crowd, again and again; then counts what is lost or doubled.

Label Studio is a real one. People select, track and verify through its API alone: they draw boxes, from which Masklet
makes masks, and give verdicts. Each answers what nobody has answered; nobody verifies what they tracked.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.domain.crowd.routing import ItemState, Role, Step, StepState
from backend.domain.tasks import TaskKey
from scripts.attack_runs.kills import KilledStack
from scripts.demonstration.write_video import write_video
from scripts.label_studio.api import LabelStudioAnswered, LabelStudioApi
from scripts.label_studio.people import Person, sign_up
from scripts.label_studio.server import LabelStudioServer

KILLS, QUICK_KILLS = 100, 8
ITEMS_A_KILL = 0.75
PEOPLE = 4
REDO_SHARE = 0.3
FRAMES, WIDTH, HEIGHT = 6, 160, 120
LONGEST_PAUSE_S = 20.0
SETTLE_S = 900.0
NAME = "attacked"
TEMPLATE = "MASKLET_TEST_LABEL_STUDIO"
"""The environment variable with a folder that has Label Studio's database; without it the database is made first."""

STEP = re.compile(r"[^/]+/([0-9]+)/([0-9]+)/[0-9]+")
Json = dict[str, Any]


@dataclass
class Crowd:
    """The people, and what they submitted: the tasks in order, by item."""

    lead: LabelStudioApi
    people: list[Person]
    projects: dict[Role, int]
    submitted: dict[TaskKey, list[int]] = field(default_factory=dict)
    trackers: dict[TaskKey, set[str]] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    errors: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def count(self) -> int:
        return sum(map(len, self.submitted.values()))

    def work(self, person: Person, seed: int) -> None:
        """Answers tasks until stopped."""
        rng = random.Random(seed)
        with LabelStudioApi(self.lead.url, person.token) as api:
            while not self.stopped.wait(rng.uniform(0.1, 0.6)):
                for role, project in self.projects.items():
                    try:
                        self._answer_one(api, person, role, project, rng)
                    except (httpx.HTTPError, LabelStudioAnswered):
                        self.errors += 1

    def _answer_one(self, api: LabelStudioApi, person: Person, role: Role, project: int, rng: random.Random) -> None:
        for task in api.tasks(project):
            if task in self.taken:
                continue
            item = self._item(api, project, task)
            with self.lock:
                is_own = role is Role.VERIFY and person.email in self.trackers.get(item, ())
                if task in self.taken or is_own:
                    continue
                self.taken.add(task)
                if role is Role.TRACK:
                    self.trackers.setdefault(item, set()).add(person.email)
            api.add_annotation(task, [verdict(rng)] if role is Role.VERIFY else [box(rng)])
            with self.lock:
                self.submitted.setdefault(item, []).append(task)
            return

    def _item(self, api: LabelStudioApi, project: int, task: int) -> TaskKey:
        found = STEP.fullmatch(str(api.task_data(task).get("crowd_step", "")))
        return TaskKey(project, task) if found is None else TaskKey(int(found[1]), int(found[2]))


def box(rng: random.Random) -> Json:
    """A person's box around the disc on the first frame."""
    corner = {"x": 20.0 + rng.uniform(-3, 3), "y": 25.0 + rng.uniform(-3, 3), "width": 30.0, "height": 45.0}
    keyframe = {"frame": 1, "enabled": True, "rotation": 0, "time": 1 / 24, **corner}
    value = {"sequence": [keyframe], "labels": ["Object 1"], "framesCount": FRAMES, "duration": FRAMES / 24}
    names = {"from_name": "box", "to_name": "video", "type": "videorectangle", "origin": "manual"}
    return {"id": f"r{rng.randrange(10**9)}", **names, "value": value}


def verdict(rng: random.Random) -> Json:
    chosen = "redo" if rng.random() < REDO_SHARE else "satisfactory"
    names = {"from_name": "verdict", "to_name": "player", "type": "choices"}
    return {"id": "v", **names, "value": {"choices": [chosen]}}


def run(quick: bool) -> dict[str, object]:
    """kills, items, submitted (annotations), ended (items), redone (items sent back at least once).

    lost: items that did not end, and submitted annotations after which their item did not go on. doubled: tasks in
    Label Studio beyond the steps, and steps beyond the submitted annotations.
    """
    kills = QUICK_KILLS if quick else KILLS
    with tempfile.TemporaryDirectory(prefix="masklet-routing-") as name:
        folder = Path(name)
        template = os.environ.get(TEMPLATE)
        if template:
            shutil.copytree(template, folder / "label-studio")
        with LabelStudioServer(folder / "label-studio") as server:
            stack = KilledStack(folder / "masklet", server.url, token=server.login.token)
            stack.folder.mkdir()
            try:
                return attacked(stack, server, kills)
            finally:
                stack.stop()


def attacked(stack: KilledStack, server: LabelStudioServer, kills: int) -> dict[str, object]:
    rng = random.Random(7)
    stack.wait_ready()
    with LabelStudioApi(server.url, server.login.token) as lead, closing(opened(stack)) as ledger:
        crowd = Crowd(
            lead, [sign_up(lead, f"p{n}@example.org") for n in range(PEOPLE)], made_crowd(stack, server, ledger)
        )
        items = round(kills * ITEMS_A_KILL)
        add_items(crowd, server, items)
        threads = [threading.Thread(target=crowd.work, args=(each, n)) for n, each in enumerate(crowd.people)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                before, until_s = crowd.count, time.monotonic() + LONGEST_PAUSE_S
                while crowd.count == before and time.monotonic() < until_s:
                    time.sleep(0.05)
                time.sleep(rng.uniform(0.0, 2.0))
                stack.kill("web", rng)
                stack.wait_ready()
            settle(ledger, items)
        finally:
            crowd.stopped.set()
            for thread in threads:
                thread.join()
        return figures(crowd, ledger, kills, items)


def opened(stack: KilledStack) -> SqlLedger:
    return open_ledger(stack.ledger_url, SystemClock())


def made_crowd(stack: KilledStack, server: LabelStudioServer, ledger: SqlLedger) -> dict[Role, int]:
    """Makes the crowd by its command, as soon as a worker has announced its model; returns the projects."""
    environment = {
        **os.environ,
        "MASKLET_DATA_DIR": str(stack.folder),
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.login.token,
    }
    command = [sys.executable, "-m", "backend.interfaces.cli", "crowd", "init", NAME, "--redos", "20"]
    for _ in range(60):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        time.sleep(2.0)
    else:
        raise RuntimeError(f"masklet crowd init failed: {done.stderr}")
    record = ledger.crowd_record(NAME)
    assert record is not None, "the crowd was made"
    return dict(record.crowd.projects)


def add_items(crowd: Crowd, server: LabelStudioServer, count: int) -> None:
    """One small clip, as so many tasks to select."""
    folder = server.files / "clips" / "routing"
    folder.mkdir(parents=True)
    write_video(disc(), folder / "video.mp4")
    project = crowd.projects[Role.SELECT]
    crowd.lead.ensure_local_files(project, folder)
    for number in range(count):
        crowd.lead.add_task(project, {"video": f"/data/local-files/?d=clips/routing/video.mp4&n={number}"})


def disc() -> np.typing.NDArray[np.uint8]:
    """A disc that moves over noise: [T, H, W, 3] RGB."""
    frames = np.random.default_rng(0).integers(60, 120, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(FRAMES):
        frames[number][(rows - 57) ** 2 + (columns - 56 - 2 * number) ** 2 < 24**2] = (230, 60, 40)
    return frames


def settle(ledger: SqlLedger, items: int) -> None:
    """Waits until all items have ended, or nothing has changed for SETTLE_S: a busy machine is slow, not stuck."""
    before: object = None
    changed_s = time.monotonic()
    while time.monotonic() < changed_s + SETTLE_S:
        counts = ledger.item_counts(NAME)
        if sum(counts.values()) == items and not counts.get(ItemState.OPEN):
            return
        now = (counts, ledger.step_counts(NAME, since_s=0.0))
        if now != before:
            before, changed_s = now, time.monotonic()
        time.sleep(1.0)


def figures(crowd: Crowd, ledger: SqlLedger, kills: int, items: int) -> dict[str, object]:
    counts = ledger.item_counts(NAME)
    steps: dict[TaskKey, tuple[Step, ...]] = {}
    for state in ItemState:
        for item in ledger.items_in(NAME, state, limit=10 * items):
            steps[item.key] = ledger.steps_of_item(item.key)
    ended = items - counts.get(ItemState.OPEN, 0)
    unused = surplus = 0
    for key in steps.keys() | crowd.submitted.keys():
        done = sum(step.state is StepState.DONE for step in steps.get(key, ()))
        given = len(crowd.submitted.get(key, ()))
        unused += max(given - done, 0)
        surplus += max(done - given, 0)
    tasks = sum(len(crowd.lead.tasks(project)) for project in crowd.projects.values())
    made = sum(map(len, steps.values()))
    return {
        "kills": kills,
        "items": items,
        "submitted": crowd.count,
        "ended": ended,
        "redone": sum(len(each) > 3 for each in steps.values()),
        "steps": made,
        "lost": items - ended + unused,
        "doubled": max(tasks - made, 0) + surplus,
        "errors": crowd.errors,
    }
