"""Masks handed over between segments: certain ones at once, others by a person, never over a person's prompts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from backend.application.annotation.annotation_service import UserTask
from backend.application.imports.model import BatchItem
from backend.application.imports.segment_handover import FULL_SWEEP_EVERY, Handover
from backend.application.imports.status import ProjectStatus, project_statuses
from backend.domain.errors import LabelStudioUnavailable, MediaError, NotFound
from backend.domain.jobs import Job, JobState
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from tests.fakes.batch import MemoryRecords
from tests.fakes.engine import FakeCodec
from tests.unit.application.builders import Parts, click_on

MODEL = "masklet-fake-00000000"


def user_task_of(task: int) -> UserTask:
    return UserTask(TaskKey(3, task), MediaRef((f"/{task}",) * 10, is_pages=True), "<View/>", MODEL)


@dataclass
class FakeTaskLookup:
    error: Exception | None = None

    def user_task(self, item: BatchItem, model_version: str) -> UserTask:
        if self.error is not None:
            raise self.error
        return replace(user_task_of(item.task_id), model_version=model_version)


@dataclass
class HandoverSetup:
    """Three segments of ten frames each, tasks 1 to 3; the first is prompted by the import."""

    certainty: float = 0.0
    parts: Parts = field(default_factory=Parts)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    task_lookup: FakeTaskLookup = field(default_factory=FakeTaskLookup)

    def __post_init__(self) -> None:
        names = [f"clip [{n}/3]" for n in (1, 2, 3)]
        self.records.put(
            [
                BatchItem(
                    3, f"k-0000{n}", n + 1, name, "m", number=n, count=3, shared=min(n, 1), length=10,
                    carry=n > 0, certainty=self.certainty, prompted=n == 0,
                )
                for n, name in enumerate(names)
            ]
        )  # fmt: skip
        self.handover = Handover(self.records, self.parts.service, FakeCodec(), self.task_lookup)

    def prompt(self, task: int, prompts: PromptSet | None = None) -> Job:
        job = self.parts.service.replace_prompts(user_task_of(task), prompts or click_on(0))
        assert job is not None
        self.parts.work_off()
        return job

    def sweep(self, times: int = 1) -> int:
        begun = 0
        for _ in range(times):
            begun += self.handover.sweep()
            self.parts.work_off()
        return begun

    def done(self) -> list[int]:
        return sorted(job.task.task_id for job in self.parts.ledger.jobs(states=(JobState.DONE,)))

    def note(self, task: int) -> str:
        return next(item.handover for item in self.records.items() if item.task_id == task)

    def status(self) -> ProjectStatus:
        return project_statuses(self.parts.ledger, self.records, 3)[0]


@pytest.fixture
def setup() -> HandoverSetup:
    return HandoverSetup()


def test_certain_masks_are_handed_over_to_the_next_segment(setup: HandoverSetup) -> None:
    first = setup.prompt(1)
    assert setup.sweep(3) == 2
    assert setup.done() == [1, 2, 3]
    assert setup.note(2).startswith(f"carried {first.job_id} ")
    prompts = setup.parts.ledger.prompts(TaskKey(3, 2))
    assert [(str(p.object_id), p.frame_index) for p in prompts] == [("cat", 0)]
    assert prompts.prompts[0].mask is not None
    shown = setup.parts.service.masks_of(first)
    assert shown is not None
    shared = next(frame for frame in shown.masklets[0].frames if frame.frame_index == 9)
    assert prompts.prompts[0].automatic == 1.0 - shared.uncertainty
    assert np.flatnonzero(prompts.prompts[0].mask.any(axis=0)).tolist() == [9]  # the mask of the shared frame, number 9
    assert setup.sweep(2 * FULL_SWEEP_EVERY) == 0


def test_nothing_is_handed_over_before_the_segment_is_done(setup: HandoverSetup) -> None:
    setup.parts.service.replace_prompts(user_task_of(1), click_on(0))
    assert setup.handover.sweep() == 0
    assert setup.note(2) == ""


def test_below_the_certainty_a_person_is_asked() -> None:
    setup = HandoverSetup(certainty=1.0)
    first = setup.prompt(1)
    assert setup.sweep(3) == 0
    assert setup.done() == [1]
    assert setup.note(2).startswith(f"person {first.job_id}: at the end of clip [1/3] Cat is certain to 0.")
    assert setup.status().asks_for_person[0][0] == "clip [2/3]"
    assert setup.status().asks_for_person[0][1].endswith("only, 1.00 is asked for")


def test_a_corrected_segment_is_handed_over_again(setup: HandoverSetup) -> None:
    setup.prompt(1)
    setup.sweep(3)
    again = setup.prompt(1, click_on(0, x=0.9))
    assert setup.sweep(FULL_SWEEP_EVERY) >= 1
    assert setup.note(2).startswith(f"carried {again.job_id} ")


def test_a_handover_never_replaces_a_person_s_prompts(setup: HandoverSetup) -> None:
    setup.prompt(2, click_on(4))
    corrected = setup.parts.ledger.prompts(TaskKey(3, 2))
    setup.prompt(1)
    assert setup.sweep(FULL_SWEEP_EVERY + 1) == 1  # the third segment continues from the person's prompts of the second
    assert setup.parts.ledger.prompts(TaskKey(3, 2)).digest() == corrected.digest()
    assert setup.done() == [1, 2, 3]


def test_a_handover_never_replaces_corrected_prompts(setup: HandoverSetup) -> None:
    setup.prompt(1)
    setup.sweep(2)
    setup.prompt(2, click_on(5))
    setup.prompt(1, click_on(0, x=0.9))
    corrected = setup.parts.ledger.prompts(TaskKey(3, 2))
    setup.sweep(FULL_SWEEP_EVERY)
    assert setup.parts.ledger.prompts(TaskKey(3, 2)).digest() == corrected.digest()


def test_an_outage_is_retried_and_a_faulty_task_needs_a_person(setup: HandoverSetup) -> None:
    setup.prompt(1)
    setup.task_lookup.error = LabelStudioUnavailable("Label Studio does not answer")
    assert setup.sweep() == 0
    assert setup.note(2) == ""
    setup.task_lookup.error = MediaError("the file is gone")
    setup.sweep()
    assert setup.note(2) == "person -: the file is gone"
    setup.task_lookup.error = None
    assert setup.sweep(FULL_SWEEP_EVERY) >= 1


def test_the_status_counts_tasks_by_their_newest_job(setup: HandoverSetup) -> None:
    setup.prompt(1)
    setup.prompt(1, click_on(3))
    setup.parts.media.error = MediaError("no frames")
    setup.prompt(2)
    status = setup.status()
    assert status.states == {JobState.DONE: 1, JobState.FAILED: 1}
    assert (status.imported, status.unprompted) == (3, 1)
    assert status.reasons == (("MediaError: no frames", 1),)
    document = status.document()
    assert (document["done"], document["failed"], document["queued"]) == (1, 1, 0)
    assert document["failed_because"] == [{"reason": "MediaError: no frames", "tasks": 1}]
    assert not status.is_open
    assert (status.tasks, status.failed) == (3, ("clip [2/3] (task 2)",))
    assert (status.frames_done, status.frames_total, status.remaining_s) == (10, 10, None)
    with pytest.raises(NotFound, match="no tasks of project 99; it knows 3"):
        project_statuses(setup.parts.ledger, setup.records, 99)
    assert project_statuses(setup.parts.ledger, setup.records) == [status]
    (item, *_) = setup.records.items(3)
    frames = {item.media_id: (4, 5)}
    (damaged,) = project_statuses(
        setup.parts.ledger, setup.records, 3, undecodable=lambda media_id: frames.get(media_id, ())
    )
    assert damaged.undecodable == (("clip", (4, 5)),)
