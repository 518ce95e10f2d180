"""Carrying masks over a few frames and answering as soon as those are there, while the rest goes on behind.

A propagation goes forward to the end of the video before it goes back. Who carries backward need not wait for that:
the way back depends on a few frames after each object's first prompt only, so the frames within reach are made by a
job of their own, which is nobody's prediction, to the same bits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from backend.application.annotation.annotation_service import AnnotationService, JobMasks, UserTask
from backend.application.jobs.queries import ANY, propagations
from backend.domain.errors import PromptError, error_of
from backend.domain.jobs import Job, JobState, PropagationRequest
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

POLL_S = 0.25
"""Each look reads the run as far as it is."""

SEAM = 16
"""Frames from an object's first prompted one on that its way back depends on: what SAM 2 remembers at the turn."""


@dataclass(frozen=True, slots=True)
class FrameReach:
    """How far to carry from a frame: that many frames that way, None for as far as the video goes.

    skip: how many frames are left out before each one that is answered.
    """

    start: FrameIndex
    direction: Direction
    frames: int | None = None
    skip: int = 0

    def frame_range(self, frame_count: int) -> range:
        """The frames reached in a video of that many, the starting one among them."""
        stride = self.skip + 1
        forward = (frame_count - 1 - self.start) // stride
        backward = self.start // stride
        if self.frames is not None:
            forward, backward = min(forward, self.frames), min(backward, self.frames)
        first = self.start if self.direction is Direction.FORWARD else self.start - backward * stride
        last = self.start if self.direction is Direction.BACKWARD else self.start + forward * stride
        return range(first, last + 1, stride)


def propagate_range(desk: AnnotationService, canvas: UserTask, reach: FrameReach, *, deadline_s: float) -> JobMasks:
    """The masks within reach, from the canvas's prompts: all of them, or at the deadline those made so far.

    The whole video is propagated, as after any prompt, so that reaching twice costs once.
    Raises PromptError if nothing is prompted yet, and what the worker raised.
    """
    prompts = desk.ledger.prompts(canvas.task, user=canvas.user)
    if not prompts:
        raise PromptError("nothing is prompted on this task yet: click an object first, then carry it")
    give_up_s = desk.clock.monotonic_s() + deadline_s
    start = FrameRange(reach.start, FrameIndex(reach.start + 1))
    whole = desk.propagate_and_wait(canvas, PromptSet(()), deadline_s=0.0, frames=start).job
    answer = _reached(desk, (whole,), reach, prompts)
    if answer.is_reached or deadline_s <= 0:
        return JobMasks(answer.job, answer.run)
    back = backward_request(canvas, prompts, reach)
    jobs: tuple[Job, ...] = (whole,) if back is None else (desk.submit(back), whole)
    with desk.waited_for(jobs[0], deadline_s), desk.notifier.subscribed(jobs[0].job_id, desk.clock.sleep) as wait:
        while True:
            answer = _reached(desk, jobs, reach, prompts)
            if answer.is_reached or desk.clock.monotonic_s() >= give_up_s:
                return JobMasks(answer.job, answer.run)
            wait(POLL_S)
            jobs = tuple(_going_on(desk.ledger.job(job.job_id)) for job in jobs)


def backward_request(canvas: UserTask, prompts: PromptSet, reach: FrameReach) -> PropagationRequest | None:
    """What to make so that frames within reach, before an object's first prompt, need not wait for the video's end.

    None if there are no such frames. Objects that are prompted later than where the person is are left out.
    """
    if not canvas.media.is_pages or reach.direction is Direction.FORWARD:
        return None
    first = {object_id: min(prompts.of_object(object_id).prompted_frames) for object_id in prompts.object_ids}
    here = {object_id: frame for object_id, frame in first.items() if frame <= reach.start}
    frame_count = len(canvas.media.addresses)
    span = reach.frame_range(frame_count)
    if not span or max(here.values(), default=0) <= span[0]:
        return None
    stop = max(span[-1] + 1, max(here.values()) + SEAM)
    return PropagationRequest(
        canvas.task,
        canvas.media,
        PromptSet.of((prompt for prompt in prompts if prompt.object_id in here), prompts.labels),
        Direction.BOTH,
        frames=FrameRange(FrameIndex(span[0]), FrameIndex(min(stop, frame_count))),
        label_config=canvas.label_config,
        model_version=canvas.model_version,
        user=canvas.user,
        session=f"way back of {canvas.user or 'anybody'}",
    )


@dataclass(frozen=True, slots=True)
class _Look:
    job: Job
    run: MaskRun | None
    is_reached: bool


def _reached(desk: AnnotationService, jobs: Sequence[Job], reach: FrameReach, prompts: PromptSet) -> _Look:
    """The first of the jobs that has all within reach; if none has, the one that has most."""
    looks = []
    for job in jobs:
        run = _so_far(desk, job, reach)
        look = _Look(job, run, job.state.is_final or _is_reached(run, reach, prompts))
        if look.is_reached:
            return look
        looks.append(look)
    return max(looks, key=lambda look: -1 if look.run is None else sum(len(m.frames) for m in look.run.masklets))


def _going_on(job: Job) -> Job:
    """Raises what ended a job before it was done."""
    if job.state.is_final and job.state is not JobState.DONE:
        raise error_of(job.reason or f"Cancelled: the job is {job.state}")
    return job


def _so_far(desk: AnnotationService, job: Job, reach: FrameReach) -> MaskRun | None:
    """What a job has within reach, read at the cost of that: a look must not grow with the video."""
    here = desk.masks_of(job, FrameRange(reach.start, FrameIndex(reach.start + 1)))
    span = () if here is None else reach.frame_range(here.video.frame_count)
    if not span:
        return here
    run = desk.masks_of(job, FrameRange(FrameIndex(span[0]), FrameIndex(span[-1] + 1)))
    return None if run is None else within(run, reach)


def without(run: MaskRun, spots: Collection[tuple[ObjectId, FrameIndex]]) -> MaskRun:
    """The run less what a person has there already."""
    return replace(
        run,
        masklets=tuple(
            Masklet(m.object_id, m.label, tuple(f for f in m.frames if (m.object_id, f.frame_index) not in spots))
            for m in run.masklets
        ),
    )


def drawn_by_hand(prompts: PromptSet) -> frozenset[tuple[ObjectId, FrameIndex]]:
    """Where a person drew the mask: what is there is theirs, and stays as it is."""
    return frozenset((prompt.object_id, prompt.frame_index) for prompt in prompts if prompt.mask is not None)


def newest_run(
    desk: AnnotationService, task: TaskKey, model_version: str, frames: FrameRange | None = None
) -> JobMasks | None:
    """The newest propagation of a task that has made masks, finished or not: what its pages were last shown.

    frames: only the masks on these are read, at the cost of these.
    """
    for job in propagations(desk.ledger, task, model_version=model_version, states=ANY):
        run = desk.masks_of(job, frames)
        if run is not None:
            return JobMasks(job, run)
    return None


def within(run: MaskRun, reach: FrameReach) -> MaskRun:
    """The part of a run that is within reach."""
    span = reach.frame_range(run.video.frame_count)
    return replace(
        run,
        masklets=tuple(
            Masklet(m.object_id, m.label, tuple(f for f in m.frames if f.frame_index in span)) for m in run.masklets
        ),
    )


def _is_reached(run: MaskRun | None, reach: FrameReach, prompts: PromptSet) -> bool:
    """Whether every frame within reach has some object, and every object that was prompted there or before.

    Objects that are prompted later come to it last, on the way back: nobody waits for them. Ones that are carried
    over from an earlier run are there at once: they do not stand for the others.
    """
    if run is None:
        return False
    first = {object_id: min(prompts.of_object(object_id).prompted_frames) for object_id in prompts.object_ids}
    made = {m.object_id: {frame.frame_index for frame in m.frames} for m in run.masklets}
    return all(
        any(frame in there for there in made.values())
        and all(frame in there for object_id, there in made.items() if first.get(object_id, frame + 1) <= frame)
        for frame in reach.frame_range(run.video.frame_count)
    )
