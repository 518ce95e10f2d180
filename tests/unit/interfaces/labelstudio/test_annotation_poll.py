"""Polling for submitted annotations without webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import ChangedTask, TaskRecord
from backend.application.annotation.change_detection import EPOCH, record_project, record_webhook
from backend.application.jobs.retry import retry_now
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, MaskletError, NotFound
from backend.domain.jobs import JobKind
from backend.domain.tasks import TaskKey
from backend.interfaces.labelstudio.annotation_poll import MAX_TASKS, MIN_WAIT_S, AnnotationPoll
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.web import FRAMES, MODEL, FakeWeb, keypoint, pages_task

TASK, OTHER = TaskKey(1, 7), TaskKey(1, 9)


@dataclass
class LabelStudioStub:
    """A Label Studio with submitted annotations: one click per task."""

    changed: dict[TaskKey, str] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    list_errors: list[Exception] = field(default_factory=list)
    unreadable: dict[TaskKey, Exception] = field(default_factory=dict)

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        data = pages_task()["data"]
        assert isinstance(data, dict)
        return TaskRecord(task, data)

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        if self.errors:
            raise self.errors.pop(0)
        if task in self.unreadable:
            raise self.unreadable[task]
        return (AnnotationRecord(11, "3", False, [keypoint(page=2)], updated_at=self.changed[task]),)

    def label_config(self, project_id: int) -> str:
        return FRAMES

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        self.asked.append(since)
        if self.list_errors:
            raise self.list_errors.pop(0)
        order = [(at, task) for task, at in sorted(self.changed.items(), key=lambda item: item[1])] if since else []
        later = [ChangedTask(task, at) for at, task in order if at >= since]
        newest = [ChangedTask(task, at) for task, at in self.changed.items()][-1:]
        return tuple(later[:limit] if since else newest)


@dataclass
class Poll:
    web: FakeWeb = field(default_factory=FakeWeb)
    label_studio: LabelStudioStub = field(default_factory=LabelStudioStub)
    key_values: MemoryKeyValueStore = field(default_factory=MemoryKeyValueStore)

    def restarted(self) -> AnnotationPoll:
        sync = self.web.annotation_sync(self.label_studio, key_values=self.key_values)
        return AnnotationPoll(sync, self.label_studio, self.key_values, self.web.clock)

    def propagated(self) -> list[TaskKey]:
        return [job.task for job in reversed(self.web.stored.jobs()) if job.kind is JobKind.PROPAGATE]


@pytest.fixture
def poll() -> Poll:
    made = Poll()
    record_project(made.key_values, 1)
    return made


def test_an_annotation_is_propagated_once_across_a_restart(poll: Poll) -> None:
    first = poll.restarted()
    first.sweep()
    assert poll.label_studio.asked == [""]
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.web.clock.sleep(2 * MIN_WAIT_S)
    first.sweep()
    assert poll.propagated() == [TASK]

    again = poll.restarted()
    again.sweep()
    assert poll.label_studio.asked == ["", EPOCH, "2026-01-02T00:00:00.000000Z"]
    assert poll.key_values.read("polls/1") == b"2026-01-02T00:00:00.000000Z 7"
    assert poll.propagated() == [TASK]


def test_annotations_before_the_first_poll_are_ignored(poll: Poll) -> None:
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    running = poll.restarted()
    running.sweep()
    poll.label_studio.changed[OTHER] = "2026-01-03T00:00:00.000000Z"
    poll.web.clock.sleep(2 * MIN_WAIT_S)
    running.sweep()
    assert poll.propagated() == [OTHER]


def test_annotations_of_an_outage_at_the_first_poll_are_later_ones(poll: Poll) -> None:
    running = poll.restarted()
    poll.label_studio.list_errors.append(LabelStudioUnavailable("no answer"))
    poll.label_studio.changed[OTHER] = "2023-11-14T22:00:00.000000Z"  # a quarter of an hour before the clock
    running.sweep()
    poll.label_studio.changed[TASK] = "2023-11-14T22:13:21.000000Z"
    poll.web.clock.sleep(2 * MIN_WAIT_S)
    running.sweep()
    assert poll.propagated() == [TASK]


def test_annotations_before_the_first_worker_are_adopted_then(poll: Poll) -> None:
    running = poll.restarted()
    poll.web.models.model = None
    running.sweep()
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.web.clock.sleep(60.0)
    running.sweep()
    assert poll.label_studio.asked == [""]
    poll.web.models.model = MODEL
    running.sweep()
    assert poll.propagated() == [TASK]


def test_an_unreachable_label_studio_is_polled_again(poll: Poll) -> None:
    running = poll.restarted()
    running.sweep()
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.label_studio.errors.append(LabelStudioUnavailable("no answer"))
    for expected in ([], [TASK]):
        poll.web.clock.sleep(60.0)
        running.sweep()
        assert poll.propagated() == expected


def test_an_unchanged_annotation_is_adopted_once(poll: Poll) -> None:
    running = poll.restarted()
    running.sweep()
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.web.clock.sleep(60.0)
    running.sweep()
    (job,) = poll.web.stored.jobs()
    poll.web.stored.cancel(job.job_id)
    poll.key_values.write("polls/1", EPOCH.encode())
    poll.web.clock.sleep(60.0)
    running.sweep()
    assert [job.state for job in poll.web.stored.jobs()] == ["cancelled"]


def test_annotations_of_a_project_to_verify_make_no_prompts(poll: Poll) -> None:
    running = poll.restarted()
    running = replace(running, sync=replace(running.sync, is_verified=lambda project_id: project_id == TASK.project_id))
    running.sweep()
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.web.clock.sleep(60.0)
    running.sweep()
    assert poll.propagated() == []


def test_waits_grow_without_changes_and_reset_with_one(poll: Poll) -> None:
    running = poll.restarted()
    waits = []
    for _ in range(6):
        poll.web.clock.sleep(100.0)
        running.sweep()
        waits.append(running.schedules[1].wait_s)
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.web.clock.sleep(100.0)
    running.sweep()
    assert running.schedules[1].wait_s == MIN_WAIT_S


def test_the_change_source_is_reported_per_project(poll: Poll) -> None:
    running = poll.restarted()
    running.sweep()
    assert running.change_sources == {"1": "poll"}
    record_webhook(poll.key_values, 1, 5.0)
    running.sweep()
    assert running.change_sources == {"1": "webhook"}
    poll.label_studio.changed[TASK] = "2026-01-02T00:00:00.000000Z"
    poll.web.clock.sleep(100.0)
    running.sweep()
    running.sweep()
    assert running.change_sources == {"1": "poll"}


@pytest.mark.parametrize(
    "error", [LabelStudioUnavailable("503"), LabelStudioRefused("401"), NotFound("404"), LabelStudioRefused("400")]
)
def test_an_annotation_that_could_not_be_read_is_adopted_later(poll: Poll, error: MaskletError) -> None:
    running = poll.restarted()
    running.sweep()
    poll.label_studio.changed = {TASK: "2026-01-02T00:00:00.000000Z", OTHER: "2026-01-03T00:00:00.000000Z"}
    poll.label_studio.errors.append(error)
    poll.web.clock.sleep(60.0)
    running.sweep()
    assert poll.web.stored.failed_tries()[0].task == TASK
    again = poll.restarted()
    for _ in range(2):
        poll.web.clock.sleep(60.0)
        again.sweep()
    assert sorted(poll.propagated(), key=str) == [TASK, OTHER]
    assert poll.web.stored.failed_tries() == ()


def test_an_unreadable_annotation_is_given_up_after_a_day(poll: Poll) -> None:
    running = poll.restarted()
    running.sweep()
    poll.label_studio.changed = {TASK: "2026-01-02T00:00:00.000000Z", OTHER: "2026-01-03T00:00:00.000000Z"}
    poll.label_studio.unreadable = {TASK: NotFound("404")}
    poll.web.clock.sleep(60.0)
    for _ in range(30):
        running.sweep()
        poll.web.clock.sleep(3600.0)
    assert poll.propagated() == [OTHER]
    assert [failed.is_given_up for failed in poll.web.stored.failed_tries()] == [True]
    poll.label_studio.unreadable = {}
    running.sweep()
    assert poll.propagated() == [OTHER]
    assert retry_now(poll.web.stored).given_up == 1
    running.sweep()
    assert poll.propagated() == [OTHER, TASK]


def test_tasks_of_one_moment_are_all_adopted(poll: Poll) -> None:
    running = poll.restarted()
    running.sweep()
    tasks = [TaskKey(1, number) for number in range(1, MAX_TASKS + 8)]
    poll.label_studio.changed = dict.fromkeys(tasks, "2026-01-02T00:00:00.000000Z")
    for _ in range(3):
        poll.web.clock.sleep(60.0)
        running.sweep()
    assert sorted(task.task_id for task in poll.propagated()) == [task.task_id for task in tasks]


def test_the_start_leaves_out_all_annotations_of_its_moment(poll: Poll) -> None:
    poll.label_studio.changed = {TASK: "2026-01-02T00:00:00.000000Z", OTHER: "2026-01-02T00:00:00.000000Z"}
    running = poll.restarted()
    for _ in range(2):
        running.sweep()
        poll.web.clock.sleep(60.0)
    assert poll.propagated() == []
