"""The retention of jobs, masks, prompts and values."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from backend.application.jobs.retention import EVERY_S, TASKS_AT_ONCE, Housekeeper
from backend.domain.errors import LabelStudioUnavailable
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on, parts_of_today

DAY_S = 24 * 3600.0


@dataclass
class Tasks:
    """A TaskDirectory. gone: the tasks that were deleted; error: raised instead of an answer."""

    gone: Collection[TaskKey] = ()
    error: Exception | None = None
    asked: list[TaskKey] = field(default_factory=list)

    def exists(self, task: TaskKey) -> bool:
        self.asked.append(task)
        if self.error is not None:
            raise self.error
        return task not in self.gone


def set_write_time(parts: Parts, run: str, at_s: float) -> None:
    os.utime(parts.masks._root / run, (at_s, at_s))


def housekeeper_of(parts: Parts, tasks: Tasks | None = None) -> Housekeeper:
    return Housekeeper(
        parts.ledger, parts.masks, parts.clock, tasks, retention_s=30 * DAY_S, key_values=MemoryKeyValueStore()
    )


def click_and_propagate(parts: Parts, task: TaskKey, *frames: int) -> None:
    """Clicks on a task, each with its propagation."""
    user_task = type(USER_TASK)(task, USER_TASK.media, USER_TASK.label_config, USER_TASK.model_version)
    for frame in frames:
        parts.service.answer_click(user_task, click_on(frame), FrameIndex(frame), deadline_s=5)
        parts.work_off()


def test_the_newest_propagation_and_prompts_are_kept() -> None:
    parts = parts_of_today()
    click_and_propagate(parts, TASK, 1, 5)
    housekeeper = housekeeper_of(parts)
    parts.clock.advance(29 * DAY_S)
    housekeeper.sweep()
    assert len(parts.masks.runs()) == 4
    parts.clock.advance(2 * DAY_S)
    housekeeper.sweep()
    answer = parts.service.latest_run(TASK, USER_TASK.model_version)
    assert answer is not None
    assert parts.masks.runs() == (answer.job.masks_run,)
    assert [job.job_id for job in parts.ledger.jobs()] == [answer.job.job_id]
    assert parts.ledger.prompts(TASK).prompted_frames == (1, 5)


def test_the_masks_written_last_into_an_annotation_are_kept() -> None:
    parts = parts_of_today()
    names = ["m-1-a1", "m-2-a1"]
    for name in names:
        with parts.masks.writer(name, video=parts.media.video.info, labels={}) as writer:
            writer.commit()
        parts.ledger.want_annotation_write(TASK, 7, user="ann@example.org", seen=name)
        (write,) = parts.ledger.due_annotation_writes(9e12)
        parts.ledger.finish_annotation_write(write, masks_run=name, seen=name)
    parts.clock.advance(31 * DAY_S)
    for name in names:
        set_write_time(parts, name, 0.0)
    housekeeper_of(parts).sweep()
    assert parts.masks.runs() == ("m-2-a1",)


def test_the_next_correction_reuses_the_kept_masks() -> None:
    parts = parts_of_today()
    click_and_propagate(parts, TASK, 1, 5)
    parts.clock.advance(31 * DAY_S)
    housekeeper_of(parts).sweep()
    made: list[int] = []
    parts.segmenter.on_frame = made.append
    click_and_propagate(parts, TASK, 7)
    assert made == [7, 7, 8, 9]  # the click, and the frames that it corrects


def test_a_sweep_runs_once_an_hour() -> None:
    parts = parts_of_today()
    housekeeper = housekeeper_of(parts)
    parts.clock.advance(31 * DAY_S)
    housekeeper.sweep()
    click_and_propagate(parts, TASK, 1, 5)
    for run in parts.masks.runs():
        set_write_time(parts, run, parts.clock.now_s())
    parts.clock.advance(EVERY_S - 1)
    housekeeper.retention_s = 0.0
    housekeeper.sweep()
    assert len(parts.masks.runs()) == 4
    parts.clock.advance(1)
    housekeeper.sweep()
    assert len(parts.masks.runs()) == 1


def test_recently_written_runs_are_kept() -> None:
    parts = parts_of_today()
    with parts.masks.writer("p-unknown-a1", video=parts.media.video.info, labels={}) as writer:
        writer.commit()
    parts.clock.advance(31 * DAY_S)
    set_write_time(parts, "p-unknown-a1", parts.clock.now_s() - 1)
    housekeeper = housekeeper_of(parts)
    housekeeper.sweep()
    assert parts.masks.runs() == ("p-unknown-a1",)
    parts.clock.advance(31 * DAY_S)
    housekeeper.sweep()
    assert parts.masks.runs() == ()


OTHER = TaskKey(3, 42)


def test_a_deleted_task_s_prompts_and_masks_are_removed() -> None:
    parts = parts_of_today()
    click_and_propagate(parts, TASK, 1)
    click_and_propagate(parts, OTHER, 1)
    parts.clock.advance(31 * DAY_S)
    housekeeper_of(parts, Tasks(gone=[TASK])).sweep()
    assert not parts.ledger.prompts(TASK)
    assert parts.service.latest_run(TASK, USER_TASK.model_version) is None
    assert parts.ledger.prompts(OTHER)
    answer = parts.service.latest_run(OTHER, USER_TASK.model_version)
    assert answer is not None
    assert parts.masks.runs() == (answer.job.masks_run,)


def test_a_task_with_recent_jobs_is_not_looked_up() -> None:
    parts = parts_of_today()
    click_and_propagate(parts, TASK, 1)
    parts.clock.advance(29 * DAY_S)
    tasks = Tasks(gone=[TASK])
    housekeeper_of(parts, tasks).sweep()
    assert tasks.asked == []


@pytest.mark.parametrize(
    "tasks",
    [Tasks(gone=[TASK, OTHER]), Tasks(error=LabelStudioUnavailable("503"))],
    ids=["a token that shows no task", "a Label Studio that is away"],
)
def test_every_task_is_kept_if_label_studio_is_not_reliable(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    parts = parts_of_today()
    click_and_propagate(parts, TASK, 1)
    click_and_propagate(parts, OTHER, 1)
    parts.clock.advance(31 * DAY_S)
    housekeeper_of(parts, tasks).sweep()
    assert parts.ledger.prompts(TASK)
    assert parts.ledger.prompts(OTHER)
    assert len(parts.masks.runs()) == 2
    assert caplog.records[0].levelname == "WARNING"


def test_all_quiet_tasks_are_looked_up_in_turn() -> None:
    parts = parts_of_today()
    keys = [TaskKey(1, number) for number in range(TASKS_AT_ONCE + 3)]
    for key in keys:
        parts.ledger.record_prompts(key, click_on(0))
    tasks = Tasks()
    housekeeper = housekeeper_of(parts, tasks)
    for _ in range(3):
        housekeeper.sweep()
        parts.clock.advance(EVERY_S)
    assert tasks.asked == [*keys, *keys[:TASKS_AT_ONCE]]


VALUE_NAMES = ("shown/3-41/a", "shown/3-41/b", "resets/3-41", "adopted/3-41")


def stored_values(*names: str) -> MemoryKeyValueStore:
    key_values = MemoryKeyValueStore()
    for name in names:
        key_values.write(name, b"x")
    return key_values


def test_only_a_deleted_task_s_values_are_removed() -> None:
    parts = parts_of_today()
    click_and_propagate(parts, TASK, 1)
    click_and_propagate(parts, OTHER, 1)
    parts.clock.advance(31 * DAY_S)
    housekeeper = housekeeper_of(parts, Tasks(gone=[TASK]))
    housekeeper.key_values = key_values = stored_values(
        *VALUE_NAMES, "shown/3-42/a", "resets/3-42", "projects/3", "polls/3"
    )
    housekeeper.sweep()
    assert set(key_values.kept) == {"shown/3-42/a", "resets/3-42", "projects/3", "polls/3"}


def test_leftover_values_of_a_deleted_task_are_removed() -> None:
    parts = parts_of_today()
    click_and_propagate(parts, OTHER, 1)
    housekeeper = housekeeper_of(parts, tasks := Tasks(gone=[TASK]))
    housekeeper.key_values = key_values = stored_values(*VALUE_NAMES, "shown/3-42/a", "adopted/3-43")
    housekeeper.sweep()
    assert set(key_values.kept) == {"shown/3-42/a", "adopted/3-43"}
    assert tasks.asked == [TASK, TaskKey(3, 43), OTHER]  # OTHER shows whether Label Studio is reliable


@pytest.mark.parametrize(
    "tasks",
    [Tasks(gone=[TASK, OTHER]), Tasks(error=LabelStudioUnavailable("503")), None],
    ids=["token", "away", "-"],
)
def test_every_value_is_kept_if_label_studio_is_not_reliable(tasks: Tasks | None) -> None:
    parts = parts_of_today()
    click_and_propagate(parts, OTHER, 1)
    housekeeper = housekeeper_of(parts, tasks)
    housekeeper.key_values = key_values = stored_values(*VALUE_NAMES)
    housekeeper.sweep()
    assert set(key_values.kept) == set(VALUE_NAMES)


def test_all_tasks_with_values_are_looked_up_in_turn() -> None:
    parts = parts_of_today()
    keys = [TaskKey(1, number) for number in range(TASKS_AT_ONCE + 3)]
    housekeeper = housekeeper_of(parts, tasks := Tasks())
    housekeeper.key_values = stored_values(*(f"resets/1-{key.task_id}" for key in keys))
    for _ in range(3):
        housekeeper.sweep()
        parts.clock.advance(EVERY_S)
    assert tasks.asked == [*keys, *keys[:TASKS_AT_ONCE]]
