"""Tracking for clients that draw the masks themselves: start, read on from a cursor, cancel, release.

A session is a job of the ledger and its masks are a run of the mask store, so a restart of any process loses nothing,
any web process can answer, and what has been read once can be read again. Nothing waits for the client: an abandoned
session runs into the store, and is cancelled once nobody has asked for it for a while, so that it keeps no worker from
others.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from typing import Protocol

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.jobs.queries import open_sessions
from backend.domain.errors import IntegrityError, NotFound, PromptError
from backend.domain.jobs import Job, JobState, PropagationRequest, run_name
from backend.domain.masklets import MaskletFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Scope
from backend.domain.tasks import TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

logger = logging.getLogger(__name__)

FRAMES_AT_ONCE = 32
LOOK_AGAIN_S = 0.1
ABANDONED_S = 60.0
"""A client asks every few seconds; one that has not for so long is gone."""

WATCHED_S = 5.0
"""For how long a session is waited for after it was asked for."""


class SessionCursors(Protocol):
    """When a session was last asked for, and how far it was read then. May forget everything without harm."""

    def set_cursor(self, session_id: str, cursor: int) -> None:
        """Never raises."""
        ...

    def cursor(self, session_id: str) -> int | None:
        """The cursor that was marked last; None if none was within the last minutes."""
        ...


class NoSessionCursors:
    """SessionMarks that remember nothing: who names no cursor reads from the beginning."""

    def set_cursor(self, session_id: str, cursor: int) -> None:
        return

    def cursor(self, session_id: str) -> int | None:
        return None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """What a session has from a cursor on.

    frames: in the order they were made, those without the object left out. cursor: where to read on; asking again
    from an earlier one gives the same again. is_over: whether nothing follows.
    """

    job: Job
    request: PropagationRequest
    frames: tuple[tuple[ObjectId, MaskletFrame], ...]
    cursor: int
    is_over: bool


@dataclass(slots=True)
class TrackingSessions:
    """The sessions of all tasks, over the desk's ledger, masks and clock."""

    desk: AnnotationService
    marks: SessionCursors
    _silent_since_s: dict[str, float] = field(default_factory=dict)

    def start(self, canvas: UserTask, prompts: PromptSet, *, span: FrameRange, direction: Direction) -> Job:
        """Carry prompts over a span. The same question again is the same session, begun once.

        Raises PromptError if an object has no prompt that says where it is.
        """
        if not prompts:
            raise PromptError("there is nothing to track: send a click or a box on the object in context.result")
        for object_id in prompts.object_ids:
            if not any(prompt.has_positive for prompt in prompts.of_object(object_id)):
                raise PromptError(f"{object_id!r} has negative clicks only: add one on the object itself, or a box")
        for take in itertools.count():
            request = PropagationRequest(
                canvas.task,
                canvas.media,
                prompts,
                direction,
                frames=span,
                label_config=canvas.label_config,
                model_version=canvas.model_version,
                scope=Scope.ALL,
                user=canvas.user,
                session=f"{canvas.user or 'anybody'} {take}",
            )
            job = self.desk.submitter.submit(request)
            if job.state is not JobState.DONE or self.desk.masks_of(job) is not None:
                break  # what is done and was removed since is asked for under another name
        self.marks.set_cursor(job.job_id, 0)
        self._add_waiter(job)
        return job

    def _add_waiter(self, job: Job) -> None:
        """Somebody watches: the session goes before what nobody waits for, until they stop asking."""
        if not job.state.is_final:
            self.desk.add_waiter(job, for_s=WATCHED_S)

    def read(self, task: TaskKey, session_id: str, cursor: int | None, *, patience_s: float) -> SessionPage:
        """What was made since a cursor, waiting at most this long for something new.

        cursor None: where the last reply ended, as far as is known. Raises NotFound for another task's session, and
        if the masks were removed since.
        """
        job = self.find(task, session_id)
        start = (self.marks.cursor(session_id) or 0) if cursor is None else cursor
        give_up_s = self.desk.clock.monotonic_s() + patience_s
        self._add_waiter(job)
        while True:
            reading = self._reading(job, start)
            if reading.frames or reading.is_over or self.desk.clock.monotonic_s() >= give_up_s:
                self.marks.set_cursor(session_id, reading.cursor)
                return reading
            self.desk.clock.sleep(LOOK_AGAIN_S)
            job = self.desk.ledger.job(session_id)

    def cancel(self, task: TaskKey, session_id: str) -> bool:
        """Whether there was such a session; it ends before its next frame. What it has made can not be read on."""
        try:
            self.find(task, session_id)
        except NotFound:
            return False
        self.desk.ledger.cancel(session_id)
        return True

    def release(self, canvas: UserTask) -> int:
        """End what this user still has under way on this task; returns how many sessions that were."""
        ended = 0
        for job in open_sessions(self.desk.ledger, canvas.task):
            if self._request(job).user == canvas.user:
                self.desk.ledger.cancel(job.job_id)
                ended += 1
        return ended

    def sweep(self) -> None:
        """Cancel the sessions that nobody has asked for in a long while."""
        now_s = self.desk.clock.monotonic_s()
        silent = [job.job_id for job in open_sessions(self.desk.ledger) if self.marks.cursor(job.job_id) is None]
        # The marks may just have been lost; a client that is there leaves new ones soon.
        self._silent_since_s = {job_id: self._silent_since_s.get(job_id, now_s) for job_id in silent}
        for job_id, since_s in self._silent_since_s.items():
            if now_s - since_s >= ABANDONED_S:
                logger.info("session %s is cancelled: nobody has asked for it for a while", job_id)
                self.desk.ledger.cancel(job_id)

    def find(self, task: TaskKey, session_id: str) -> Job:
        """Raises NotFound if this task has no such session."""
        job = self.desk.ledger.job(session_id)
        if not job.is_session or job.task != task:
            raise NotFound(f"task {task} has no session {session_id[:60]!r}")
        return job

    def _request(self, job: Job) -> PropagationRequest:
        request = self.desk.ledger.request(job.job_id)
        assert isinstance(request, PropagationRequest), "only propagations are sessions"
        return request

    def _reading(self, job: Job, start: int) -> SessionPage:
        """As far as the run is flushed. Frames on which the object is not are read over."""
        run = job.masks_run or run_name(job.job_id, job.attempt)
        if job.state is JobState.DONE and not self._is_kept(run):
            raise NotFound("the masks of this session were removed since; track again")
        frames: list[tuple[ObjectId, MaskletFrame]] = []
        cursor, has_more = start, False
        try:
            for record in self.desk.masks.records(run, start):
                if len(frames) == FRAMES_AT_ONCE:
                    has_more = True
                    break
                cursor += 1
                if record[1].evidence.area_rel > 0:
                    frames.append(record)
        except NotFound:
            pass  # nothing is flushed yet
        return SessionPage(job, self._request(job), tuple(frames), cursor, job.state.is_final and not has_more)

    def _is_kept(self, run: str) -> bool:
        try:
            return self.desk.masks.partial(run, FrameRange(FrameIndex(0), FrameIndex(1))) is not None
        except (NotFound, IntegrityError):
            return False


def covered_range(start: FrameIndex, direction: Direction, frames: int, *, frame_count: int) -> FrameRange:
    """A frame and so many after it, before it, or both, as far as the video goes."""
    first = start if direction is Direction.FORWARD else max(start - frames, 0)
    last = start if direction is Direction.BACKWARD else min(start + frames, frame_count - 1)
    return FrameRange(FrameIndex(first), FrameIndex(last + 1))
