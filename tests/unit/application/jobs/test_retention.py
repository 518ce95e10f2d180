"""What is let go of after a while, and what never is."""

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


def written(parts: Parts, run: str, at_s: float) -> None:
    os.utime(parts.masks._root / run, (at_s, at_s))


def keeper(parts: Parts, tasks: Tasks | None = None) -> Housekeeper:
    return Housekeeper(
        parts.ledger, parts.masks, parts.clock, tasks, retention_s=30 * DAY_S, key_values=MemoryKeyValueStore()
    )


def worked(parts: Parts, task: TaskKey, *frames: int) -> None:
    """Clicks on a task, each with its propagation."""
    canvas = type(USER_TASK)(task, USER_TASK.media, USER_TASK.label_config, USER_TASK.model_version)
    for frame in frames:
        parts.service.answer_click(canvas, click_on(frame), FrameIndex(frame), deadline_s=5)
        parts.work_off()


def test_the_newest_propagation_and_prompts_are_kept() -> None:
    parts = parts_of_today()
    worked(parts, TASK, 1, 5)
    housekeeper = keeper(parts)
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


def test_the_next_correction_still_goes_on_from_what_is_left() -> None:
    parts = parts_of_today()
    worked(parts, TASK, 1, 5)
    parts.clock.advance(31 * DAY_S)
    keeper(parts).sweep()
    made: list[int] = []
    parts.segmenter.on_frame = made.append
    worked(parts, TASK, 7)
    assert made == [7, 7, 8, 9]  # the click itself, and what it corrects


def test_it_sweeps_once_an_hour() -> None:
    parts = parts_of_today()
    housekeeper = keeper(parts)
    parts.clock.advance(31 * DAY_S)
    housekeeper.sweep()
    worked(parts, TASK, 1, 5)
    for run in parts.masks.runs():
        written(parts, run, parts.clock.now_s())
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
    written(parts, "p-unknown-a1", parts.clock.now_s() - 1)
    housekeeper = keeper(parts)
    housekeeper.sweep()
    assert parts.masks.runs() == ("p-unknown-a1",)
    parts.clock.advance(31 * DAY_S)
    housekeeper.sweep()
    assert parts.masks.runs() == ()


OTHER = TaskKey(3, 42)


def test_a_deleted_tasks_prompts_and_masks_go() -> None:
    parts = parts_of_today()
    worked(parts, TASK, 1)
    worked(parts, OTHER, 1)
    parts.clock.advance(31 * DAY_S)
    keeper(parts, Tasks(gone=[TASK])).sweep()
    assert not parts.ledger.prompts(TASK)
    assert parts.service.latest_run(TASK, USER_TASK.model_version) is None
    assert parts.ledger.prompts(OTHER)
    answer = parts.service.latest_run(OTHER, USER_TASK.model_version)
    assert answer is not None
    assert parts.masks.runs() == (answer.job.masks_run,)


def test_a_task_that_was_worked_on_lately_is_not_asked_after() -> None:
    parts = parts_of_today()
    worked(parts, TASK, 1)
    parts.clock.advance(29 * DAY_S)
    tasks = Tasks(gone=[TASK])
    keeper(parts, tasks).sweep()
    assert tasks.asked == []


@pytest.mark.parametrize(
    "tasks",
    [Tasks(gone=[TASK, OTHER]), Tasks(error=LabelStudioUnavailable("503"))],
    ids=["a token that shows no task", "a Label Studio that is away"],
)
def test_every_task_is_kept_if_label_studio_is_not_reliable(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    parts = parts_of_today()
    worked(parts, TASK, 1)
    worked(parts, OTHER, 1)
    parts.clock.advance(31 * DAY_S)
    keeper(parts, tasks).sweep()
    assert parts.ledger.prompts(TASK)
    assert parts.ledger.prompts(OTHER)
    assert len(parts.masks.runs()) == 2
    assert caplog.records[0].levelname == "WARNING"


def test_all_quiet_tasks_are_asked_after_in_turn() -> None:
    parts = parts_of_today()
    keys = [TaskKey(1, number) for number in range(TASKS_AT_ONCE + 3)]
    for key in keys:
        parts.ledger.record_prompts(key, click_on(0))
    tasks = Tasks()
    housekeeper = keeper(parts, tasks)
    for _ in range(3):
        housekeeper.sweep()
        parts.clock.advance(EVERY_S)
    assert tasks.asked == [*keys, *keys[:TASKS_AT_ONCE]]


NOTES = ("shown/3-41/a", "shown/3-41/b", "resets/3-41", "adopted/3-41")


def noted(*names: str) -> MemoryKeyValueStore:
    key_values = MemoryKeyValueStore()
    for name in names:
        key_values.write(name, b"x")
    return key_values


def test_a_deleted_task_s_notes_go_with_it_and_no_others() -> None:
    parts = parts_of_today()
    worked(parts, TASK, 1)
    worked(parts, OTHER, 1)
    parts.clock.advance(31 * DAY_S)
    housekeeper = keeper(parts, Tasks(gone=[TASK]))
    housekeeper.key_values = key_values = noted(*NOTES, "shown/3-42/a", "resets/3-42", "projects/3", "polls/3")
    housekeeper.sweep()
    assert set(key_values.kept) == {"shown/3-42/a", "resets/3-42", "projects/3", "polls/3"}


def test_leftover_values_of_a_deleted_task_are_removed() -> None:
    parts = parts_of_today()
    worked(parts, OTHER, 1)
    housekeeper = keeper(parts, tasks := Tasks(gone=[TASK]))
    housekeeper.key_values = key_values = noted(*NOTES, "shown/3-42/a", "adopted/3-43")
    housekeeper.sweep()
    assert set(key_values.kept) == {"shown/3-42/a", "adopted/3-43"}
    assert tasks.asked == [TASK, TaskKey(3, 43), OTHER]  # of the other, whether Label Studio can be believed


@pytest.mark.parametrize(
    "tasks",
    [Tasks(gone=[TASK, OTHER]), Tasks(error=LabelStudioUnavailable("503")), None],
    ids=["token", "away", "-"],
)
def test_every_value_is_kept_if_label_studio_is_not_reliable(tasks: Tasks | None) -> None:
    parts = parts_of_today()
    worked(parts, OTHER, 1)
    housekeeper = keeper(parts, tasks)
    housekeeper.key_values = key_values = noted(*NOTES)
    housekeeper.sweep()
    assert set(key_values.kept) == set(NOTES)


def test_all_tasks_with_notes_are_asked_after_in_turn() -> None:
    parts = parts_of_today()
    keys = [TaskKey(1, number) for number in range(TASKS_AT_ONCE + 3)]
    housekeeper = keeper(parts, tasks := Tasks())
    housekeeper.key_values = noted(*(f"resets/1-{key.task_id}" for key in keys))
    for _ in range(3):
        housekeeper.sweep()
        parts.clock.advance(EVERY_S)
    assert tasks.asked == [*keys, *keys[:TASKS_AT_ONCE]]
