"""Outages of Label Studio: propagations, pushes and submitted annotations of many tasks, in each kind of outage.

A stand-in for Label Studio listens on loopback. The client, its HTTP, the ledger and the masks are the real ones; the
clock is shifted, so an outage of half an hour takes seconds. The model and the decoder are made up.
"""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.annotation.change_detection import record_project
from backend.application.annotation.prompt_checks import frame_counter
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.media import VideoSource
from backend.application.ports.notifier import NoNotifier
from backend.application.review.task_signature import TaskSigner
from backend.application.worker.job_runner import JobRunner
from backend.codecs.coco_rle import CocoCodec
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from backend.interfaces.labelstudio.annotation_poll import AnnotationPoll
from backend.interfaces.labelstudio.annotations import AnnotationSync
from scripts.attack_runs.unwell_label_studio import (
    HANG_S,
    OUTAGES,
    PUSHED_PROJECT,
    SUBMITTED_PROJECT,
    SUBMITTER,
    Mood,
    StandIn,
    SubmittedTasks,
)
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeSegmenter, FakeVideo
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.prewarm import FakePrewarmChannel
from tests.fakes.queue import FakeQueue
from tests.fakes.web import FRAMES, VIDEO, FakeModels, keypoint

TOKEN = "0123456789abcdef0123456789abcdef01234567"
AFTER_S = 1800.0
"""How long after the recovery everything may take, on the shifted clock, before it counts as never pushed."""

LONGEST_RUN_S, LONGEST_QUICK_RUN_S = 6600.0, 600.0

FIRST_SUBMITTED = 1000
"""The id of the first task with a submitted annotation."""


class ImpatientTransport(httpx.HTTPTransport):
    """The real network with a time-out of HANG_S: the shifted clock does not shorten a socket's."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = httpx.Timeout(HANG_S, connect=5.0).as_dict()
        return super().handle_request(request)


@dataclass
class DownloadedMedia:
    """A TaskMediaLibrary that really downloads, and then opens a made-up video."""

    client: LabelStudioClient

    def open(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        self.client.download(media.addresses[0], io.BytesIO())
        return FakeVideo()


@dataclass
class Case:
    """One kind of outage of one length.

    starting: tasks whose job is submitted in it; pushing: whose job is done before it; adopting: whose annotation a
    person submits in it.
    """

    mood: Mood
    outage_s: float
    folder: Path
    starting: int
    pushing: int
    adopting: int
    clock: FakeClock = field(default_factory=FakeClock)
    submitted: SubmittedTasks = field(
        default_factory=lambda: SubmittedTasks({"frames": [f"/data/{n}.png" for n in range(10)]}, [keypoint()], FRAMES)
    )

    def __post_init__(self) -> None:
        self.stand_in = StandIn(self.submitted)
        self.ledger: SqlLedger = open_ledger(f"sqlite:///{self.folder}/ledger.sqlite", self.clock)
        self.client = LabelStudioClient(self.stand_in.url, TOKEN, transport=ImpatientTransport(retries=0))
        self.queue = FakeQueue()
        masks = FileMaskStore(self.folder / "masks")
        self.submitter = Submitter(self.ledger, self.queue)
        self.runner = JobRunner(
            self.ledger,
            masks,
            CocoCodec(),
            DownloadedMedia(self.client),
            FakeSegmenter(),
            self.submitter,
            self.clock,
            worker_name="worker-1",
            max_attempts=3,
            pushes=True,
            key_values=MemoryKeyValueStore(),
        )
        pusher = Pusher(self.ledger, masks, self.client, build_regions, self.clock)
        self.reconciler = Reconciler(
            self.ledger, self.queue, self.submitter, self.clock, pusher, heartbeat_ttl_s=60, max_attempts=3
        )
        channel, key_values = FakePrewarmChannel(), MemoryKeyValueStore()
        record_project(key_values, SUBMITTED_PROJECT)
        service = AnnotationService(
            self.ledger, masks, self.submitter, self.clock, NoNotifier(), frame_counter(channel)
        )
        signer = TaskSigner(b"a key of the attack")
        sync = AnnotationSync(
            service, self.client, FakeModels(), key_values, signer, CocoCodec(), channel, is_verified=lambda _: False
        )
        self.poll = AnnotationPoll(sync, self.client, key_values, self.clock)

    def close(self) -> None:
        self.ledger.close()
        self.client.close()
        self.stand_in.close()

    def submit(self, task_id: int) -> None:
        prompt = FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
        media = MediaRef((f"/data/upload/1/{task_id}.mp4",), is_pages=False)
        prompts = PromptSet.of([prompt], {})
        self.submitter.submit(
            PropagationRequest(
                TaskKey(PUSHED_PROJECT, task_id), media, prompts, label_config=VIDEO, model_version="m-1"
            )
        )

    def run(self) -> dict[str, object]:
        for task_id in range(self.pushing):
            self.submit(task_id)
        self._work_off()
        self.poll.sweep()
        self.stand_in.mood = self.mood
        for task_id in range(self.pushing, self.pushing + self.starting):
            self.submit(task_id)
        self.submitted.updated_at.update(
            {FIRST_SUBMITTED + number: f"2026-01-01T00:00:{number // 4:02d}.000000Z" for number in range(self.adopting)}
        )
        self._pass(self.outage_s)
        requests = self.stand_in.requests
        self.stand_in.mood = Mood.UP
        back_s = self._pass(AFTER_S)
        tasks = [int(str(row["task"])) for row in self.stand_in.rows.values()]
        count = self.starting + self.pushing + self.adopting
        return {
            "mood": self.mood.value,
            "outage_s": self.outage_s,
            "tasks": count,
            "never_pushed": count - len(set(tasks)),
            "doubled": len(tasks) - len(set(tasks)),
            "never_adopted": self.adopting - self._adopted,
            "failed_jobs": self.ledger.counts().get((JobKind.PROPAGATE, JobState.FAILED), 0),
            "requests_in_outage": requests,
            "seconds_back": round(back_s, 1),
        }

    def _pass(self, seconds: float) -> float:
        """Lets time pass, from one due try to the next; returns when all was pushed, or `seconds`."""
        began_s = self.clock.now_s()
        end_s = began_s + seconds
        while True:
            self.reconciler.sweep()
            self.poll.sweep()
            self._work_off()
            if self._is_done() or self.clock.now_s() >= end_s:
                return self.clock.now_s() - began_s
            self.clock.advance(1.0)
            tries_s = [failed.next_try_s for failed in self.ledger.failed_tries(limit=1)]
            ahead_s = self.clock.now_s() - self.clock.monotonic_s()
            polls_s = [ahead_s + schedule.next_s for schedule in self.poll.schedules.values()]
            next_s = min([*tries_s, *polls_s, end_s])
            if self._waits() and next_s > self.clock.now_s():
                self.clock.advance(min(next_s, end_s) - self.clock.now_s())

    def _waits(self) -> bool:
        """Whether nothing is to be done before a failed try is due."""
        states = self.ledger.counts()
        postponed = self.ledger.failure_counts()
        is_idle = states.get((JobKind.PROPAGATE, JobState.QUEUED), 0) == sum(
            count for (kind, _, _), count in postponed.items() if kind == "job"
        )
        return is_idle and not self.ledger.due_pushes(self.clock.now_s())

    def _is_done(self) -> bool:
        done = self.ledger.counts().get((JobKind.PROPAGATE, JobState.DONE), 0)
        pending = self.ledger.due_pushes(float("inf"), limit=1)
        count = self.starting + self.pushing + self.adopting
        return done == count and self._adopted == self.adopting and not pending

    @property
    def _adopted(self) -> int:
        """The count of submitted annotations whose prompts the ledger has."""
        tasks = [TaskKey(SUBMITTED_PROJECT, number) for number in self.submitted.updated_at]
        return sum(bool(self.ledger.prompts(task, user=SUBMITTER)) for task in tasks)

    def _work_off(self) -> None:
        while (entry := self.queue.take(JobKind.PROPAGATE)) is not None:
            self.runner.run(*entry, lambda: False)
            self.queue.release(*entry)


def run(quick: bool = False) -> dict[str, object]:
    """Figures of each kind of outage and length, and the worst of all."""
    lengths_s = (5.0, 1800.0) if quick else (5.0, 60.0, 600.0, 1800.0)
    starting, pushing, adopting = (3, 4, 6) if quick else (10, 20, 20)
    give_up_s = time.monotonic() + (LONGEST_QUICK_RUN_S if quick else LONGEST_RUN_S)
    cases: list[dict[str, object]] = []
    skipped = 0
    for mood in OUTAGES:
        for outage_s in lengths_s:
            if time.monotonic() > give_up_s:
                skipped += 1
                continue
            with _case(mood, outage_s, starting, pushing, adopting) as case:
                cases.append(case.run())
    return {
        "cases": cases,
        "skipped": skipped,
        "never_pushed": sum(int(str(case["never_pushed"])) for case in cases),
        "never_adopted": sum(int(str(case["never_adopted"])) for case in cases),
        "doubled": sum(int(str(case["doubled"])) for case in cases),
        "failed_jobs": sum(int(str(case["failed_jobs"])) for case in cases),
        "seconds_back_after_recovery": max(float(str(case["seconds_back"])) for case in cases),
    }


@contextmanager
def _case(mood: Mood, outage_s: float, starting: int, pushing: int, adopting: int) -> Iterator[Case]:
    with (
        TemporaryDirectory(prefix="masklet-outage-") as folder,
        closing(Case(mood, outage_s, Path(folder), starting, pushing, adopting)) as case,
    ):
        yield case
