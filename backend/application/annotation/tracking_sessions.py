"""Tracking sessions: a client starts a session, reads masks from a cursor on, cancels it, releases its sessions.

A session is a job of the ledger and its masks are a run of the mask store. So a restart of any process loses nothing,
any web process can answer, and a read can be repeated. The job does not wait for the client: an abandoned session runs
on, and is cancelled after ABANDONED_S without a read, which frees its worker.
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
POLL_S = 0.1
ABANDONED_S = 60.0
"""A session without a read for this time is abandoned: a client reads every few seconds."""

WAITER_S = 5.0
"""How long a session has a waiter after a start or read."""


class SessionCursors(Protocol):
    """The last cursor of each session; it expires. May lose everything without harm."""

    def set_cursor(self, session_id: str, cursor: int) -> None:
        """Never raises."""
        ...

    def cursor(self, session_id: str) -> int | None:
        """The last set cursor; None if there is none or it expired."""
        ...


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A session's masks from a cursor on.

    frames: in engine order, without empty masks. cursor: of the next read; a read from an earlier cursor returns the
    same masks again. is_over: whether nothing follows.
    """

    job: Job
    request: PropagationRequest
    frames: tuple[tuple[ObjectId, MaskletFrame], ...]
    cursor: int
    is_over: bool


@dataclass(slots=True)
class TrackingSessions:
    """The sessions of all tasks."""

    service: AnnotationService
    cursors: SessionCursors
    _unread_since_s: dict[str, float] = field(default_factory=dict)

    def start(self, user_task: UserTask, prompts: PromptSet, *, frame_range: FrameRange, direction: Direction) -> Job:
        """Starts the propagation of prompts over a range of frames. An equal request is the same session.

        Raises PromptError without prompts, or for an object without a positive prompt.
        """
        if not prompts:
            raise PromptError("there is nothing to track: send a click or a box on the object in context.result")
        for object_id in prompts.unlocated_ids:
            raise PromptError(f"{object_id!r} has negative clicks only: add one on the object itself, or a box")
        for repetition in itertools.count():
            request = PropagationRequest(
                user_task.task,
                user_task.media,
                prompts,
                direction,
                frames=frame_range,
                label_config=user_task.label_config,
                model_version=user_task.model_version,
                scope=Scope.ALL,
                user=user_task.user,
                session=f"{user_task.user or 'anybody'} {repetition}",
            )
            job = self.service.submitter.submit(request)
            if job.state is not JobState.DONE or self.service.masks_of(job) is not None:
                break  # a done session whose masks were removed starts again under another name
        self.cursors.set_cursor(job.job_id, 0)
        self._add_waiter(job)
        return job

    def _add_waiter(self, job: Job) -> None:
        """Gives an open session a waiter: it runs before jobs without one."""
        if not job.state.is_final:
            self.service.add_waiter(job, for_s=WAITER_S)

    def read(self, task: TaskKey, session_id: str, cursor: int | None, *, patience_s: float) -> SessionPage:
        """The masks from a cursor on; waits at most patience_s for new ones.

        cursor None: the cursor of the last reply, or 0. Raises NotFound for another task's session, and if the masks
        were removed.
        """
        job = self.find(task, session_id)
        start = (self.cursors.cursor(session_id) or 0) if cursor is None else cursor
        give_up_s = self.service.clock.monotonic_s() + patience_s
        self._add_waiter(job)
        while True:
            page = self._page(job, start)
            if page.frames or page.is_over or self.service.clock.monotonic_s() >= give_up_s:
                self.cursors.set_cursor(session_id, page.cursor)
                return page
            self.service.clock.sleep(POLL_S)
            job = self.service.ledger.job(session_id)

    def cancel(self, task: TaskKey, session_id: str) -> bool:
        """Cancels a session before its next frame; False if there is none. Its masks cannot be read any more."""
        try:
            self.find(task, session_id)
        except NotFound:
            return False
        self.service.ledger.cancel(session_id)
        return True

    def release(self, user_task: UserTask) -> int:
        """Cancels this user's open sessions of this task; returns their count."""
        ended = 0
        for job in open_sessions(self.service.ledger, user_task.task):
            if self._request(job).user == user_task.user:
                self.service.ledger.cancel(job.job_id)
                ended += 1
        return ended

    def sweep(self) -> None:
        """Cancels the sessions without a read for ABANDONED_S."""
        now_s = self.service.clock.monotonic_s()
        unread = [job.job_id for job in open_sessions(self.service.ledger) if self.cursors.cursor(job.job_id) is None]
        # The cursors may just have been lost; a live client sets new ones soon.
        self._unread_since_s = {job_id: self._unread_since_s.get(job_id, now_s) for job_id in unread}
        for job_id, since_s in self._unread_since_s.items():
            if now_s - since_s >= ABANDONED_S:
                logger.info("session %s is cancelled: no client has read it for %g s", job_id, ABANDONED_S)
                self.service.ledger.cancel(job_id)

    def find(self, task: TaskKey, session_id: str) -> Job:
        """Raises NotFound if this task has no such session."""
        job = self.service.ledger.job(session_id)
        if not job.is_session or job.task != task:
            raise NotFound(f"task {task} has no session {session_id[:60]!r}")
        return job

    def _request(self, job: Job) -> PropagationRequest:
        request = self.service.ledger.request(job.job_id)
        assert isinstance(request, PropagationRequest), "only propagations are sessions"
        return request

    def _page(self, job: Job, start: int) -> SessionPage:
        """The flushed masks from `start` on. Empty masks are skipped."""
        run = job.masks_run or run_name(job.job_id, job.attempt)
        if job.state is JobState.DONE and not self._has_masks(run):
            raise NotFound("the masks of this session were removed since; track again")
        frames: list[tuple[ObjectId, MaskletFrame]] = []
        cursor, has_more = start, False
        try:
            for record in self.service.masks.records(run, start):
                if len(frames) == FRAMES_AT_ONCE:
                    has_more = True
                    break
                cursor += 1
                if record[1].evidence.area_rel > 0:
                    frames.append(record)
        except NotFound:
            pass  # nothing is flushed yet
        return SessionPage(job, self._request(job), tuple(frames), cursor, job.state.is_final and not has_more)

    def _has_masks(self, run: str) -> bool:
        try:
            return self.service.masks.partial(run, FrameRange(FrameIndex(0), FrameIndex(1))) is not None
        except (NotFound, IntegrityError):
            return False


def covered_range(start: FrameIndex, direction: Direction, frames: int, *, frame_count: int) -> FrameRange:
    """A frame and `frames` frames after it, before it, or both, within the video."""
    first = start if direction is Direction.FORWARD else max(start - frames, 0)
    last = start if direction is Direction.BACKWARD else min(start + frames, frame_count - 1)
    return FrameRange(FrameIndex(first), FrameIndex(last + 1))
