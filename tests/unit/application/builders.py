"""The use cases with fakes, wired as in bootstrap."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from backend.adapters.store.masks.store import FileMaskStore
from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.notifier import NoNotifier
from backend.application.worker.job_runner import JobRunner
from backend.domain.geometry import Point
from backend.domain.jobs import Job, JobState
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import WorkingClock
from tests.fakes.engine import FakeCodec, FakeMedia, FakeSegmenter
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.queue import FakeQueue
from tests.fakes.sink import FakeSink, count_regions
from tests.fakes.stores import temporary_ledger, temporary_masks

TASK = TaskKey(3, 41)
USER_TASK = UserTask(TASK, MediaRef(("/data/clip.mp4",), is_pages=False), "<View/>", "masklet-fake-00000000")
CAT = ObjectId("cat")


def click_on(frame: int, x: float = 0.5, object_id: ObjectId = CAT) -> PromptSet:
    prompt = FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x, 0.5)),))
    return PromptSet.of([prompt], {object_id: "Cat"})


@dataclass
class Parts:
    clock: WorkingClock = field(default_factory=WorkingClock)
    queue: FakeQueue = field(default_factory=FakeQueue)
    masks: FileMaskStore = field(default_factory=temporary_masks)
    media: FakeMedia = field(default_factory=FakeMedia)
    segmenter: FakeSegmenter = field(default_factory=FakeSegmenter)
    sink: FakeSink = field(default_factory=FakeSink)
    stopping: bool = False
    frame_counts: dict[MediaRef, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = temporary_ledger(self.clock)
        self.submitter = Submitter(self.ledger, self.queue)
        self.service = AnnotationService(
            self.ledger, self.masks, self.submitter, self.clock, NoNotifier(), self.frame_counts.get
        )
        self.runner = JobRunner(
            self.ledger,
            self.masks,
            FakeCodec(),
            self.media,
            self.segmenter,
            self.submitter,
            self.clock,
            worker_name="worker-1",
            max_attempts=3,
            pushes=True,
            key_values=MemoryKeyValueStore(),
            random=lambda: 0.0,
        )
        self.pusher = Pusher(self.ledger, self.masks, self.sink, count_regions, self.clock, random=lambda: 0.0)
        self.reconciler = Reconciler(
            self.ledger,
            self.queue,
            self.submitter,
            self.clock,
            self.pusher,
            heartbeat_ttl_s=60,
            max_attempts=3,
        )
        self.clock.work = self.work_off

    def run(self, job: Job) -> Job:
        return self.runner.run(job.job_id, job.attempt, lambda: self.stopping)

    def work_off(self) -> None:
        """Runs all queued jobs, oldest first."""
        for job in reversed(self.ledger.jobs(states=(JobState.QUEUED,))):
            self.run(job)


def parts_of_today() -> Parts:
    """Parts with the machine's wall clock, which dates the mask files."""
    parts = Parts()
    parts.clock.jump_wall(time.time() - parts.clock.now_s())
    return parts
