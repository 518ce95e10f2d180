"""Propagations that the player starts, follows and stops: one open propagation per task and user."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.propagate_range import TURN_FRAMES
from backend.application.player.current_masks import CurrentMask, CurrentMasks, is_forgotten, mask_of
from backend.application.player.prompt_edits import require_locatable
from backend.application.player.runs import UserRun
from backend.application.player.task_view import OpenedTask, in_order
from backend.domain.errors import IntegrityError, NotFound, PromptError
from backend.domain.frame_grid import FrameGrid
from backend.domain.jobs import Job, JobState, PropagationRequest, run_name
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange

RECORDS_AT_ONCE = 300
WAITER_S = 5.0
"""How long a propagation has a waiter after a start or a read: the person looks at it."""

WAITER_EVERY_S = 2.0
"""A waiter is a write to the ledger; reads come several times a second."""


@dataclass(frozen=True, slots=True)
class WantedRange:
    """Frames to propagate to: `count` frames from `start` in a direction; None: to the end of the video.

    objects: None means all. skip: the count of frames left out before each of them.
    """

    start: FrameIndex
    direction: Direction = Direction.FORWARD
    count: int | None = None
    objects: Collection[ObjectId] | None = None
    skip: int = 0

    @property
    def stride(self) -> int:
        """The distance of two frames that get masks."""
        return self.skip + 1


@dataclass(frozen=True, slots=True)
class EventPage:
    """What is new in the user's newest propagation. run None: there is none. cursor: of the next read.

    is_over: whether nothing follows.
    """

    run: UserRun | None
    masks: tuple[CurrentMask, ...]
    cursor: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Propagations:
    """The propagations of one user task."""

    masks: CurrentMasks
    user_task: UserTask
    _waited_s: dict[str, float] = field(default_factory=dict)

    def start(self, opened: OpenedTask, wanted: WantedRange) -> UserRun:
        """Submits a propagation; it replaces the user's open one.

        Computes the wanted objects alone; the masks of the others are those of earlier runs. Starts at the last
        prompted frame before the range, because the model needs the frames in between. A stopped propagation that is
        asked for again runs again. Raises PromptError without prompts, also for one of the wanted objects.
        """
        opened.info.require_frame(wanted.start)
        prompts = in_order(self.masks.service.ledger.prompts(self.user_task.task, user=self.user_task.user))
        for object_id in wanted.objects or ():
            if object_id not in prompts.object_ids:
                raise PromptError(f"object {str(object_id)[:60]!r} has no prompts: click it first, or leave it out")
        computed = prompts if wanted.objects is None else prompts.only(wanted.objects)
        if not computed:
            raise PromptError("nothing is prompted yet: click an object first")
        require_locatable(computed)
        for frame in computed.prompted_frames:
            opened.info.require_frame(frame)
        frames, direction = planned_range(computed, wanted, opened.info.frame_count)
        request = PropagationRequest(
            self.user_task.task,
            self.user_task.media,
            prompts,
            direction,
            frames=frames,
            label_config=self.user_task.label_config,
            model_version=self.user_task.model_version,
            user=self.user_task.user,
            objects=None if computed.object_ids == prompts.object_ids else tuple(sorted(computed.object_ids)),
            grid=FrameGrid(wanted.start, wanted.stride) if wanted.skip else None,
        )
        job = self._again_if_stopped(self.masks.service.submit(request))
        self._add_waiter(job)
        found = self.masks.runs.newest(self.user_task)
        assert found is not None, "the job was just submitted"
        return found

    def newest(self) -> UserRun | None:
        """The user's newest propagation, in any state."""
        return self.masks.runs.newest(self.user_task)

    def find(self, job_id: str) -> UserRun:
        """Raises NotFound if this user has no such propagation on the task."""
        for run in self.masks.runs.of(self.user_task):
            if run.job.job_id == job_id:
                return run
        raise NotFound(f"there is no propagation {job_id[:60]!r} of yours on this task")

    def stop(self, job_id: str) -> UserRun:
        """Stops a propagation; the masks made so far are kept as its result. One that has none yet is cancelled.

        Raises NotFound as `find` does.
        """
        run = self.find(job_id)
        ledger = self.masks.service.ledger
        has_masks = run.job.state is JobState.RUNNING or self._has_snapshot(run)
        return UserRun(ledger.stop(job_id) if has_masks else ledger.cancel(job_id), run.request)

    def _has_snapshot(self, run: UserRun) -> bool:
        """Whether an earlier attempt left masks that the next one goes on from."""
        for name in run.run_names:
            with suppress(IntegrityError, NotFound):
                if self.masks.service.masks.snapshot(name) is not None:
                    return True
        return False

    def read(self, cursor: str) -> EventPage:
        """The masks from a cursor on, in the order in which they were made; human frames are left out.

        cursor: of the last page; an unknown one starts at the first mask. A repeated read returns the same masks.
        """
        run = self.newest()
        if run is None:
            return EventPage(None, (), cursor, is_over=True)
        self._add_waiter(run.job)
        start = _position(cursor, run.job)
        found, position, has_more = self._records(run, start)
        is_over = run.job.state.is_final and not has_more
        return EventPage(run, found, _cursor(run.job, position), is_over)

    def _records(self, run: UserRun, start: int) -> tuple[tuple[CurrentMask, ...], int, bool]:
        """Masks from record `start` on, the next position, and whether more are stored already."""
        index = self.masks.indices.of(self.user_task)
        record = self.masks.records.read(self.user_task.task, self.user_task.user)
        found: list[CurrentMask] = []
        position = start
        for mask in self._stored(run.job, start):
            position += 1
            key = (mask.object_id, mask.frame_index)
            if key[0] not in index.object_ids or key in index.human or is_forgotten(record, key[0], run.job):
                continue
            if run.is_current(index.digests, key):
                found.append(mask)
        return tuple(found), position, position - start == RECORDS_AT_ONCE

    def _stored(self, job: Job, start: int) -> Iterator[CurrentMask]:
        with suppress(NotFound):  # nothing is flushed yet
            records = self.masks.service.masks.records(job.masks_run or run_name(job.job_id, job.attempt), start)
            for object_id, frame in islice(records, RECORDS_AT_ONCE):
                yield mask_of(object_id, frame)

    def _again_if_stopped(self, job: Job) -> Job:
        """Opens a stopped propagation again: it lacks frames that are wanted now."""
        is_stopped = job.state is JobState.DONE and job.done < job.total
        return self.masks.service.submitter.run_again(job) if is_stopped else job

    def _add_waiter(self, job: Job) -> None:
        now_s = self.masks.service.clock.monotonic_s()
        if not job.state.is_final and now_s - self._waited_s.get(job.job_id, float("-inf")) >= WAITER_EVERY_S:
            self._waited_s[job.job_id] = now_s
            self.masks.service.add_waiter(job, for_s=WAITER_S)


def planned_range(prompts: PromptSet, wanted: WantedRange, frame_count: int) -> tuple[FrameRange | None, Direction]:
    """The range of frames of the request, and its direction; None for the whole video.

    A backward range includes the frames after the objects' first prompted frames that the backward pass needs.
    Raises PromptError if no prompted frame lies before the end of a forward range.
    """
    reach = frame_count if wanted.count is None else wanted.count * wanted.stride
    before = 0 if wanted.direction is Direction.FORWARD else reach
    after = 0 if wanted.direction is Direction.BACKWARD else reach
    first, last = max(wanted.start - before, 0), min(wanted.start + after, frame_count - 1)
    frames_of = [prompts.of_object(object_id).prompted_frames for object_id in prompts.object_ids]
    earlier = [max(frame for frame in frames if frame <= first) for frames in frames_of if frames[0] <= first]
    first = min([first, *earlier])
    if wanted.direction is Direction.FORWARD:
        soonest = min(frames[0] for frames in frames_of)
        if soonest > last:
            raise PromptError(f"nothing is prompted up to frame {last}: the first prompt is on frame {soonest}")
        return FrameRange(FrameIndex(first), FrameIndex(last + 1)), Direction.FORWARD
    turns = [frames[0] + (TURN_FRAMES - 1) * wanted.stride for frames in frames_of if frames[0] > first]
    last = min(max([last, *turns]), frame_count - 1)
    if (first, last) == (0, frame_count - 1):
        return None, Direction.BOTH
    return FrameRange(FrameIndex(first), FrameIndex(last + 1)), Direction.BOTH


def _cursor(job: Job, position: int) -> str:
    return f"{job.job_id[:14]}.{job.attempt}.{position}"


def _position(cursor: str, job: Job) -> int:
    """The record to go on from; 0 for a cursor of another job or attempt."""
    *run, position = cursor.split(".")
    is_same = run == [job.job_id[:14], str(job.attempt)]
    return int(position) if is_same and position.isascii() and position.isdecimal() else 0
