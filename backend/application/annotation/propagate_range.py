"""Propagation over a range of frames: answers when the range is done; the whole video follows in the background.

A propagation runs forward to the end of the video first, then backward. A backward range does not wait for that: the
backward pass depends only on a few frames after each object's first prompted frame, so a separate job, which is not
pushed as a prediction, makes the range, bit-identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.application.annotation.annotation_service import AnnotationService, JobMasks, UserTask
from backend.application.jobs.queries import ANY, propagations
from backend.domain.errors import PromptError, error_of
from backend.domain.jobs import Job, JobState, PropagationRequest
from backend.domain.masklets import MaskOrigin, MaskRun, origin_of
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

POLL_S = 0.25
"""Each poll reads the masks so far."""

TURN_FRAMES = 16
"""The backward pass depends on this many frames from an object's first prompted frame on: SAM 2's memory there."""


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """The frames of a request: `frames` frames from `start` in a direction; None: to the end of the video.

    skip: count of frames left out before each answered one.
    """

    start: FrameIndex
    direction: Direction
    frames: int | None = None
    skip: int = 0

    def frame_range(self, frame_count: int) -> range:
        """The requested frames in a video of frame_count frames, `start` included."""
        stride = self.skip + 1
        forward = (frame_count - 1 - self.start) // stride
        backward = self.start // stride
        if self.frames is not None:
            forward, backward = min(forward, self.frames), min(backward, self.frames)
        first = self.start if self.direction is Direction.FORWARD else self.start - backward * stride
        last = self.start if self.direction is Direction.BACKWARD else self.start + forward * stride
        return range(first, last + 1, stride)


def propagate_range(
    service: AnnotationService, user_task: UserTask, requested: FrameRequest, *, deadline_s: float
) -> JobMasks:
    """The masks on the requested frames from the user task's prompts; at the deadline, those so far.

    The whole video is propagated, as after any prompt, so a second request costs nothing more. After a newer prompt of
    the user, the masks are those of that prompt's propagation.
    Raises PromptError without prompts and for a start past the end, and the worker's error.
    """
    prompts = service.usable_prompts(user_task)
    frame_count = service.frame_count(user_task)
    if frame_count is not None and requested.start >= frame_count:
        raise PromptError(f"frame {requested.start} is not in the video: it has {frame_count} frames")
    if not prompts:
        raise PromptError("nothing is prompted on this task yet: click an object first, then carry it")
    give_up_s = service.clock.monotonic_s() + deadline_s
    start = FrameRange(requested.start, FrameIndex(requested.start + 1))
    whole = service.propagate_and_wait(user_task, PromptSet(()), deadline_s=0.0, frames=start).job
    answer = _best_progress(service, (whole,), requested, prompts)
    if answer.is_complete or deadline_s <= 0:
        return JobMasks(answer.job, answer.run)
    back = backward_request(user_task, prompts, requested)
    jobs: tuple[Job, ...] = (whole,) if back is None else (service.submit(back), whole)
    while True:
        first = jobs[0]
        with (
            service.waited_for(first, max(give_up_s - service.clock.monotonic_s(), 0.0)),
            service.notifier.subscribed(first.job_id, service.clock.sleep) as wait,
        ):
            while jobs[0].job_id == first.job_id:
                answer = _best_progress(service, jobs, requested, prompts)
                left_s = give_up_s - service.clock.monotonic_s()
                if answer.is_complete or left_s <= 0:
                    return JobMasks(answer.job, answer.run)
                wait(min(POLL_S, left_s))
                jobs = tuple(_not_failed(service.latest_of(user_task, job)) for job in jobs)


def backward_request(user_task: UserTask, prompts: PromptSet, requested: FrameRequest) -> PropagationRequest | None:
    """The request that makes requested frames before an object's first prompted frame without the rest of the video.

    None if there are no such frames. Objects that are prompted only after `start` are left out.
    """
    if not user_task.media.is_pages or requested.direction is Direction.FORWARD:
        return None
    first = {object_id: min(prompts.of_object(object_id).prompted_frames) for object_id in prompts.object_ids}
    here = {object_id: frame for object_id, frame in first.items() if frame <= requested.start}
    frame_count = len(user_task.media.addresses)
    frames = requested.frame_range(frame_count)
    if not frames or max(here.values(), default=0) <= frames[0]:
        return None
    stop = max(frames[-1] + 1, max(here.values()) + TURN_FRAMES)
    return PropagationRequest(
        user_task.task,
        user_task.media,
        prompts.only(here),
        Direction.BOTH,
        frames=FrameRange(FrameIndex(frames[0]), FrameIndex(min(stop, frame_count))),
        label_config=user_task.label_config,
        model_version=user_task.model_version,
        user=user_task.user,
        session=f"way back of {user_task.user or 'anybody'}",
    )


@dataclass(frozen=True, slots=True)
class _Progress:
    job: Job
    run: MaskRun | None
    is_complete: bool


def _best_progress(
    service: AnnotationService, jobs: Sequence[Job], requested: FrameRequest, prompts: PromptSet
) -> _Progress:
    """The first job with all requested frames; without one, the job with the most masks."""
    found = []
    for job in jobs:
        run = _masks_so_far(service, job, requested)
        progress = _Progress(job, run, job.state.is_final or _is_complete(run, requested, prompts))
        if progress.is_complete:
            return progress
        found.append(progress)
    return max(
        found, key=lambda progress: -1 if progress.run is None else sum(len(m.frames) for m in progress.run.masklets)
    )


def _not_failed(job: Job) -> Job:
    """The job. Raises the recorded error if it ended without a result."""
    if job.state.is_final and job.state is not JobState.DONE:
        raise error_of(job.reason or f"Cancelled: the job is {job.state}")
    return job


def _masks_so_far(service: AnnotationService, job: Job, requested: FrameRequest) -> MaskRun | None:
    """A job's masks on the requested frames; reads only these, so a poll's cost does not grow with the video."""
    here = service.masks_of(job, FrameRange(requested.start, FrameIndex(requested.start + 1)))
    found = () if here is None else requested.frame_range(here.video.frame_count)
    if not found:
        return here
    run = service.masks_of(job, FrameRange(FrameIndex(found[0]), FrameIndex(found[-1] + 1)))
    if run is None:
        return None
    frames = requested.frame_range(run.video.frame_count)
    return run.select(lambda _, frame: frame in frames)


def human_object_frames(prompts: PromptSet) -> frozenset[tuple[ObjectId, FrameIndex]]:
    """The human frames, as (object, frame) pairs."""
    return frozenset(
        (prompt.object_id, prompt.frame_index) for prompt in prompts if origin_of(prompt) is MaskOrigin.HUMAN
    )


def newest_run(
    service: AnnotationService, task: TaskKey, model_version: str, frames: FrameRange | None = None
) -> JobMasks | None:
    """The newest propagation of a task with masks, finished or not: the masks that its pages showed last.

    frames: only masks on these are read; None: all.
    """
    for job in propagations(service.ledger, task, model_version=model_version, states=ANY):
        run = service.masks_of(job, frames)
        if run is not None:
            return JobMasks(job, run)
    return None


def _is_complete(run: MaskRun | None, requested: FrameRequest, prompts: PromptSet) -> bool:
    """Whether every requested frame has a mask, and one of every object of the run that was prompted there or before.

    Objects that are prompted later are not waited for: the backward pass makes them last. Objects reused from an
    earlier run have masks at once, so one object's masks do not count for another.
    """
    if run is None:
        return False
    first = {object_id: min(prompts.of_object(object_id).prompted_frames) for object_id in prompts.object_ids}
    made = {m.object_id: {frame.frame_index for frame in m.frames} for m in run.masklets}
    return all(
        any(frame in there for there in made.values())
        and all(frame in there for object_id, there in made.items() if first.get(object_id, frame + 1) <= frame)
        for frame in requested.frame_range(run.video.frame_count)
    )
