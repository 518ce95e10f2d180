"""The batch on one machine without faults, then on the hosts with faults: nothing lost, nothing double, equal masks."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.domain.errors import MaskletError
from backend.domain.jobs import Job, JobState
from scripts.container_runs.engine import ContainersFailed, Say
from scripts.container_runs.hosts.faults import Fault, FaultRunner, planned_faults
from scripts.container_runs.hosts.layout import BATCH, IMPORTER, SINGLE, worker_names
from scripts.container_runs.hosts.recovery import Recoveries, Recovery
from scripts.container_runs.stack import Stack
from scripts.demonstration.projects import CLICKED_CONFIG, CONFIGS
from scripts.label_studio.api import Json, LabelStudioAnswered, LabelStudioApi

STALL_S = 600.0
"""A batch in which nothing was done for so long is given up."""

POLL_S = 1.0
IMPORT_AGAIN_S = 5.0

Masks = dict[tuple[str, int], tuple[int, ...]]
"""Run lengths by label and page."""


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault as it was: seconds after the import began."""

    service: str
    fault: str
    began_s: float
    lasted_s: float


@dataclass(frozen=True, slots=True)
class HostsResult:
    """Counts are of clips. lost: without a prediction, or without a task. doubled: with two of one of them, or with
    two finished propagations. identical: whose masks are those of the single machine, bit for bit.
    """

    hosts: int
    clips: int
    frames: int
    seed: int
    lost: int
    doubled: int
    identical: int
    failed_jobs: int
    extra_attempts: int
    masks: int
    single_machine_s: float
    hosts_s: float
    recoveries: list[Recovery]
    faults: list[FaultRecord]

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.failed_jobs) and self.identical == self.clips


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips of so many frames, below BATCH in the containers. seed: of the faults."""

    clips: int
    frames: int
    seed: int


def run_trial(stack: Stack, workers: int, batch: Batch, say: Say) -> HostsResult:
    """Runs both batches on hosts that are healthy. Raises ContainersFailed if a fault could not be made."""
    settings = stack.settings
    with LabelStudioApi(settings["LABEL_STUDIO_HOST"], settings["LABEL_STUDIO_API_KEY"]) as api:
        try:
            return _Trial(stack, api, say, workers, batch).run()
        except LabelStudioAnswered as error:
            raise ContainersFailed(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Trial:
    stack: Stack
    api: LabelStudioApi
    say: Say
    workers: int
    batch: Batch

    def run(self) -> HostsResult:
        """Both batches, compared."""
        config = (CONFIGS / f"{CLICKED_CONFIG}.xml").read_text()
        single = self.api.ensure_project(f"One machine, seed {self.batch.seed}", config)
        hosts = self.api.ensure_project(f"Hosts, seed {self.batch.seed}", config)
        began_s = time.monotonic()
        self._import(SINGLE, single)
        self._wait(single, lambda: None)
        single_s = time.monotonic() - began_s
        self.say(f"one machine without faults: {single_s:.0f} s")
        self.stack.stop(SINGLE)

        began_s = time.monotonic()
        with closing(self._ledger()) as ledger:
            watched = _Watched(ledger, hosts, self.batch.clips)
            recoveries = Recoveries()
            plan = planned_faults(self.stack, worker_names(self.workers), random.Random(self.batch.seed))
            runner = FaultRunner(plan, self.say, lambda fault: recoveries.begin(fault, watched.jobs))

            def tick() -> None:
                watched.read()
                recoveries.look(watched.jobs)
                runner.advance(watched.share)

            importing = threading.Thread(target=partial(self._import, IMPORTER, hosts), daemon=True)
            importing.start()
            try:
                self._wait(hosts, tick)
            finally:
                runner.end()
            hosts_s = time.monotonic() - began_s
            importing.join()
            watched.read()
        self.say(f"hosts with faults: {hosts_s:.0f} s")
        return self._result(single, hosts, watched.jobs, recoveries.found, plan, (began_s, single_s, hosts_s))

    def _import(self, service: str, project: int) -> None:
        """Imports the batch, again after a fault, as a user would. Raises ContainersFailed after STALL_S."""
        argv = ("masklet", "import", f"{BATCH}/clips", "--project", str(project), "--prompts", f"{BATCH}/prompts")
        deadline_s = time.monotonic() + STALL_S
        while True:
            try:
                self.stack.execute(service, *argv, "--segment", "0")
                return
            except ContainersFailed as error:
                if time.monotonic() > deadline_s:
                    raise
                self.say(f"the import is run again: {error}")
                time.sleep(IMPORT_AGAIN_S)

    def _wait(self, project: int, tick: Callable[[], None]) -> None:
        """Returns when every clip has a prediction, or nothing was done for STALL_S."""
        seen, seen_s = -1, time.monotonic()
        while seen < self.batch.clips and time.monotonic() - seen_s < STALL_S:
            tick()
            predicted = sum(bool(task["total_predictions"]) for task in self._tasks(project))
            if predicted > seen:
                seen, seen_s = predicted, time.monotonic()
            time.sleep(POLL_S)

    def _tasks(self, project: int) -> list[Json]:
        """None of them while Label Studio does not answer."""
        try:
            return self.api.task_list(project)
        except LabelStudioAnswered:
            return []

    def _ledger(self) -> SqlLedger:
        settings = self.stack.settings
        login = f"masklet:{settings['POSTGRES_PASSWORD']}@127.0.0.1:{settings['HOSTS_POSTGRES_PORT']}"
        return open_ledger(f"postgresql+psycopg://{login}/masklet", SystemClock())

    def _result(
        self,
        single: int,
        hosts: int,
        jobs: tuple[Job, ...],
        recoveries: list[Recovery],
        plan: list[Fault],
        times_s: tuple[float, float, float],
    ) -> HostsResult:
        began_s, single_s, hosts_s = times_s
        expected, found = self._masks(single), self._masks(hosts)
        tasks = self.api.task_list(hosts)
        of_clip = Counter(str(task["data"]["clip"]) for task in tasks)
        twice = {str(task["data"]["clip"]) for task in tasks if task["total_predictions"] > 1}
        twice |= {clip for clip, count in of_clip.items() if count > 1}
        done = Counter(job.task for job in jobs if job.state is JobState.DONE)
        return HostsResult(
            hosts=self.workers + 1,
            clips=self.batch.clips,
            frames=self.batch.frames,
            seed=self.batch.seed,
            lost=self.batch.clips - len(found),
            doubled=len(twice) + sum(count > 1 for count in done.values()),
            identical=sum(found.get(clip) == masks for clip, masks in expected.items()),
            failed_jobs=sum(job.state is JobState.FAILED for job in jobs),
            extra_attempts=sum(job.attempt - 1 for job in jobs),
            masks=sum(len(masks) for masks in found.values()),
            single_machine_s=round(single_s, 1),
            hosts_s=round(hosts_s, 1),
            recoveries=recoveries,
            faults=[
                FaultRecord(each.service, each.name, round(begun - began_s, 1), round(ended - begun, 1))
                for each in plan
                if (begun := each.began_s) is not None and (ended := each.ended_s) is not None
            ],
        )

    def _masks(self, project: int) -> dict[str, Masks]:
        """By clip: the masks of its newest prediction, as Label Studio has them."""
        found: dict[str, Masks] = {}
        for task in self.api.task_list(project):
            predictions = self.api.predictions(int(task["id"]))
            if predictions:
                found[str(task["data"]["clip"])] = {
                    (region["value"]["brushlabels"][0], region["item_index"]): tuple(region["value"]["rle"])
                    for region in predictions[-1].result
                    if region["type"] == "brushlabels"
                }
        return found


class _Watched:
    """The jobs of a project as the ledger last told them. share: 0..1 of the clips that are done."""

    def __init__(self, ledger: SqlLedger, project: int, clips: int) -> None:
        self._ledger = ledger
        self._project = project
        self._clips = clips
        self.jobs: tuple[Job, ...] = ()

    @property
    def share(self) -> float:
        return sum(job.state is JobState.DONE for job in self.jobs) / self._clips

    def read(self) -> None:
        """Keeps what is known while the ledger does not answer."""
        try:
            self.jobs = self._ledger.jobs(project_id=self._project)
        except MaskletError:
            return
