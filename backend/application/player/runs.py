"""The propagations of one user on a task, newest first, and which prompts each was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from backend.application.annotation.annotation_service import ATTEMPTS, UserTask
from backend.application.jobs.queries import ANY, propagations
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import Job, PropagationRequest, run_name
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.recent import Recent
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex, FrameRange

JOBS_LOOKED_AT = 40
REQUESTS_KEPT = 256

Digests = Mapping[tuple[ObjectId, FrameIndex], str]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a propagation was asked: by a user, of media, from prompts, over a range of frames (None: the video)."""

    user: str
    media: MediaRef
    digests: Digests
    frames: FrameRange | None


@dataclass(frozen=True, slots=True)
class UserRun:
    """A propagation of the user."""

    job: Job
    request: RunRequest

    def is_current(self, digests: Digests, key: tuple[ObjectId, FrameIndex]) -> bool:
        """Whether its mask of an object on a frame was made from the prompt there. digests: of the prompts now."""
        return self.request.digests.get(key) == digests.get(key)

    @property
    def run_names(self) -> tuple[str, ...]:
        """The runs that may have its masks, newest attempt first."""
        attempts = range(self.job.attempt, max(self.job.attempt - ATTEMPTS, 0), -1)
        names = [run_name(self.job.job_id, attempt) for attempt in attempts]
        return tuple(dict.fromkeys([self.job.masks_run, *names] if self.job.masks_run else names))


class UserRuns:
    """Finds propagations. Keeps the last requests in memory: a request of a job never changes. Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._requests: Recent[str, RunRequest] = Recent(REQUESTS_KEPT)

    def newest(self, user_task: UserTask) -> UserRun | None:
        """The user's newest propagation of the task's media, in any state."""
        return next(self.of(user_task), None)

    def of(self, user_task: UserTask, *, with_unnamed: bool = False) -> Iterator[UserRun]:
        """The user's propagations of the task's media, in any state, newest first, also if another one asked first.

        with_unnamed: also those that no person started.
        """
        users = {user_task.user, ""} if with_unnamed else {user_task.user}
        also: frozenset[str] | None = None  # read only where another user's propagation is met
        found = propagations(self._ledger, user_task.task, model_version=user_task.model_version, states=ANY)
        for job in islice(found, JOBS_LOOKED_AT):
            request = self._request(job)
            if request is None or request.media != user_task.media:
                continue
            if request.user not in users:
                if also is None:
                    also = self._ledger.jobs_also_of(user_task.task, user=user_task.user)
                if job.job_id not in also:
                    continue
            yield UserRun(job, request)

    def _request(self, job: Job) -> RunRequest | None:
        known = self._requests.get(job.job_id)
        if known is None:
            request = self._ledger.request(job.job_id)
            if not isinstance(request, PropagationRequest):
                return None
            known = RunRequest(request.user, request.media, digests_of(request.prompts), request.frames)
            self._requests.put(job.job_id, known)
        return known


def digests_of(prompts: PromptSet) -> dict[tuple[ObjectId, FrameIndex], str]:
    """The digest of each prompt's content, by object and frame."""
    return {(prompt.object_id, prompt.frame_index): digest_of(prompt) for prompt in prompts}


def digest_of(prompt: FramePrompt) -> str:
    """The digest of one prompt, independent of its label."""
    return PromptSet((prompt,)).digest()
