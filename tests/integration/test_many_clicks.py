"""The newest propagation of a task is found behind any number of later clicks, on a real SQLite ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backend.adapters.store.datasets.labelled import no_pictures
from backend.adapters.store.datasets.run_source import RunSource
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.prompt_ownership import PromptOwnership
from backend.application.annotation.propagate_range import newest_run
from backend.application.imports.model import BatchItem
from backend.application.imports.segment_handover import FULL_SWEEP_EVERY, Handover
from backend.application.imports.status import project_statuses
from backend.application.jobs.queries import newest_propagation
from backend.application.ports.ledger import Ledger
from backend.application.worker.propagation_plan import incremental_plan
from backend.bootstrap.container import Container
from backend.bootstrap.review import next_frames, reports
from backend.codecs.coco_rle import CocoCodec
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import SEVERAL_USERS, MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.batch import MemoryRecords
from tests.fakes.clock import WorkingClock
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.web import FRAMES, MODEL, FakeWeb
from tests.integration.test_corrections import TASK, CorrectionSetup
from tests.unit.application.builders import click_on

CLICKS = 500
NEXT_TASK = TaskKey(TASK.project_id, 8)
CAT, DOG, BIRD = ObjectId("cat"), ObjectId("dog"), ObjectId("bird")
USER_TASK = UserTask(TASK, MediaRef(("/data/0.png",), is_pages=True), FRAMES, MODEL.version, "ann")


def add_clicks(
    ledger: Ledger, task: TaskKey = TASK, *, count: int = CLICKS, ended: bool = True, user: str = "ben"
) -> None:
    """Record a user's clicks, without a propagation, in one transaction."""
    requests = [
        PreviewRequest(task, USER_TASK.media, click_on(0, n / count, DOG), FrameIndex(0), MODEL.version, user)
        for n in range(count)
    ]
    clicks = ledger.accept(task, PromptSet(()), lambda _: requests)
    for job, _ in clicks if ended else ():
        ledger.finish(job.job_id, job.attempt, JobState.DONE, masks_run="none")


def add_propagations(ledger: Ledger, count: int, state: JobState) -> None:
    """Record another user's propagations of the task, without masks."""
    for n in range(count):
        request = PropagationRequest(
            TASK, USER_TASK.media, click_on(0, n / count, DOG), model_version=MODEL.version, user="bob"
        )
        job, _ = ledger.submit(JobKind.PROPAGATE, request)
        ledger.finish(job.job_id, job.attempt, state, masks_run="none" if state is JobState.DONE else "")


@dataclass
class ManyClicks:
    """A task with one finished propagation, and clicks after it."""

    setup: CorrectionSetup
    ledger: Ledger
    propagation: Job = field(init=False)

    def __post_init__(self) -> None:
        self.setup.adopt(TASK)
        found = newest_propagation(self.ledger, TASK)
        assert found is not None
        self.propagation = found
        add_clicks(self.ledger)

    @property
    def web(self) -> FakeWeb:
        return self.setup.web


@pytest.fixture
def clicks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ManyClicks]:
    clock, url = WorkingClock(), f"sqlite:///{tmp_path}/ledger.sqlite"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path / "data"))
    with closing(open_ledger(url, clock)) as ledger:
        yield ManyClicks(CorrectionSetup(FakeWeb(clock=clock, ledger=ledger)), ledger)


@pytest.fixture
def stores(clicks: ManyClicks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `masklet next` and `masklet report` read the masks and the media of the web's fakes."""
    monkeypatch.setattr(Container, "masks", clicks.web.masks)
    monkeypatch.setattr(reports, "media_library", lambda _: nullcontext(clicks.web.media))


@dataclass
class Segments:
    """A handover from the task to the next one. `sweep` runs the jobs that it submits."""

    clicks: ManyClicks
    records: MemoryRecords = field(default_factory=MemoryRecords)

    def __post_init__(self) -> None:
        first = BatchItem(1, "k-1", TASK.task_id, "clip [1/2]", "m", count=2, length=10, prompted=True)
        second = replace(first, key="k-2", task_id=NEXT_TASK.task_id, name="clip [2/2]", number=1, shared=1)
        self.records.put([first, replace(second, carry=True, certainty=0.0, prompted=False)])
        self.handover = Handover(self.records, self.clicks.web.parts.annotation_service, CocoCodec(), self)

    def user_task(self, item: BatchItem, model_version: str) -> UserTask:
        return replace(USER_TASK, task=item.task, model_version=model_version)

    def sweep(self, times: int = 1) -> int:
        begun = sum(self.handover.sweep() for _ in range(times))
        self.clicks.web.work_off_all()
        return begun


def test_the_next_segment_is_begun(clicks: ManyClicks) -> None:
    assert Segments(clicks).sweep() == 1


def test_a_correction_is_handed_over_to_a_segment_with_clicks(clicks: ManyClicks) -> None:
    segments = Segments(clicks)
    assert segments.sweep() == 1
    add_clicks(clicks.ledger, NEXT_TASK)
    clicks.web.parts.annotation_service.replace_prompts(USER_TASK, click_on(0, 0.9))
    clicks.web.work_off_all()
    assert segments.sweep(FULL_SWEEP_EVERY) == 1


def test_correction_tasks_are_made(clicks: ManyClicks) -> None:
    assert len(clicks.setup.make()) == 2


@pytest.mark.usefixtures("stores")
def test_next_frames_are_chosen(clicks: ManyClicks) -> None:
    chosen, _ = next_frames.choose_next([str(TASK.project_id)], 2, seed=0)
    assert {frame.video.task for frame in chosen} == {TASK}


@pytest.mark.usefixtures("stores")
def test_a_report_is_written(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert reports.write_report(str(TASK), out, video=None, count=2, seed=0) == []
    assert f"task {TASK}" in out.read_text()


def test_a_run_is_exported(clicks: ManyClicks, tmp_path: Path) -> None:
    request = RunSource(TASK, clicks.ledger, FileMaskStore(tmp_path), no_pictures, lambda _: {}, tuple).request()
    assert request is not None
    assert request.task == TASK


def test_the_status_counts_the_propagation(clicks: ManyClicks) -> None:
    (status,) = project_statuses(clicks.ledger, MemoryRecords())
    assert status.states == {JobState.DONE: 1}


def test_the_finished_run_is_shown(clicks: ManyClicks) -> None:
    answer = clicks.web.parts.annotation_service.latest_run(TASK, MODEL.version)
    assert answer is not None
    assert answer.job == clicks.propagation


def test_the_newest_run_is_found_behind_superseded_ones(clicks: ManyClicks) -> None:
    add_propagations(clicks.ledger, 120, JobState.SUPERSEDED)
    answer = newest_run(clicks.web.parts.annotation_service, TASK, MODEL.version)
    assert answer is not None
    assert answer.job == clicks.propagation


def test_a_propagation_reuses_a_run_of_the_same_user(clicks: ManyClicks) -> None:
    add_propagations(clicks.ledger, 30, JobState.DONE)
    asked = clicks.ledger.request(clicks.propagation.job_id)
    assert isinstance(asked, PropagationRequest)
    more = replace(asked, prompts=PromptSet.of([*asked.prompts, *click_on(6)], asked.prompts.labels))
    job, _ = clicks.ledger.submit(JobKind.PROPAGATE, more)
    video = clicks.web.media.video.info
    plan = incremental_plan(job, more, video, ledger=clicks.ledger, masks=clicks.web.masks)
    assert plan.base == clicks.propagation.masks_run


def test_an_overtaken_click_is_answered_behind_others_clicks(clicks: ManyClicks) -> None:
    service = replace(clicks.web.parts.annotation_service, propagate_on_prompt=False)
    service.answer_click(USER_TASK, click_on(0, object_id=CAT), FrameIndex(0), deadline_s=5)
    add_clicks(clicks.ledger, count=40)
    add_propagations(clicks.ledger, 40, JobState.DONE)
    answer = service.answer_click(USER_TASK, click_on(0, object_id=BIRD), FrameIndex(0), deadline_s=5)
    assert answer.run is not None
    assert {masklet.object_id for masklet in answer.run.masklets} == {CAT, BIRD}


def test_a_reset_ends_all_open_clicks(clicks: ManyClicks) -> None:
    clicks.ledger.record_prompts(NEXT_TASK, click_on(0, object_id=DOG), user="ann")
    add_clicks(clicks.ledger, NEXT_TASK, count=150, ended=False, user="ann")
    add_clicks(clicks.ledger, NEXT_TASK, count=149, ended=False, user="ben")
    PromptOwnership(clicks.web.parts.annotation_service, MemoryKeyValueStore()).reset(
        replace(USER_TASK, task=NEXT_TASK)
    )
    states = {(job.user, job.state) for job in clicks.ledger.jobs(task=NEXT_TASK)}
    assert states == {("ann", JobState.CANCELLED), ("ben", JobState.QUEUED), (SEVERAL_USERS, JobState.QUEUED)}


@pytest.mark.parametrize(
    "query", [f"task={TASK}&kind=propagate", "kind=propagate&limit=1", f"project={TASK.project_id}"]
)
def test_jobs_are_narrowed_before_they_are_limited(clicks: ManyClicks, query: str) -> None:
    add_clicks(clicks.ledger, TaskKey(9, 9), count=150)
    listed = clicks.web.client().get(f"/jobs?{query}").json()["jobs"]
    assert listed
    assert {job["task"] for job in listed} == {str(TASK)}
