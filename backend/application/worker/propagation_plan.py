"""What a propagation comes to: which passes are to be made, and which earlier run the rest is carried over from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from backend.application.jobs.queries import propagations
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.jobs import Job, PropagationRequest
from backend.domain.prompts import PromptSet
from backend.domain.replan import EarlierRun, PassPlan, Scope, full_pass_plan, incremental_pass_plan, yields
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PropagationPlan:
    """What to make, with these prompts, and what to carry over from the run `base` (empty: nothing)."""

    prompts: PromptSet
    passes: PassPlan
    base: str = ""

    @property
    def total(self) -> int:
        """How many frames the engine will make."""
        return sum(yields(one, self.prompts) for one in self.passes.passes)

    def digest(self) -> str:
        """SHA-256, hex: equal errands have equal digests in every process."""
        return hashlib.sha256(f"{self.base} {self.passes.digest()} {self.prompts.digest()}".encode()).hexdigest()


def full_plan(request: PropagationRequest, video: VideoInfo) -> PropagationPlan:
    """Everything that is asked for, whatever there is already. Raises PromptError for frames past the end."""
    return PropagationPlan(
        request.prompts,
        full_pass_plan(request.prompts, direction=request.direction, requested=_covered_range(request, video)),
    )


def incremental_plan(
    job: Job, request: PropagationRequest, video: VideoInfo, *, ledger: Ledger, masks: MaskStore
) -> PropagationPlan:
    """What a request comes to, given the newest of the task's finished runs that it can go on from.

    The same for every attempt at a job: a job that were to change what is found here would supersede this one.
    Raises PromptError for frames past the end.
    """
    span = _covered_range(request, video)
    if request.scope is not Scope.ALL:
        for earlier, prompts in _earlier(job, request, ledger):
            try:
                of_video, covered = masks.coverage(earlier.masks_run)
            except (NotFound, IntegrityError) as error:
                logger.warning("job %s cannot go on from job %s: %s", job.job_id, earlier.job_id, error)
                continue
            if of_video == video:
                plan = incremental_pass_plan(
                    request.prompts,
                    EarlierRun(prompts, covered),
                    frame_count=video.frame_count,
                    direction=request.direction,
                    requested=span,
                    scope=request.scope,
                )
                return PropagationPlan(request.prompts, plan, earlier.masks_run)
    return full_plan(request, video)


def _earlier(job: Job, request: PropagationRequest, ledger: Ledger) -> Iterator[tuple[Job, PromptSet]]:
    """The task's finished propagations by this model that nothing but this canvas's prompts led to, newest first."""
    for earlier in propagations(ledger, job.task, model_version=job.model_version):
        asked = ledger.request(earlier.job_id)
        if isinstance(asked, PropagationRequest) and asked.media == request.media and _is_ours(asked, request):
            yield earlier, asked.prompts


def _is_ours(asked: PropagationRequest, request: PropagationRequest) -> bool:
    """Whether no other person's prompts would have a say in masks that are kept."""
    return asked.user == request.user or _statements(asked.prompts) <= _statements(request.prompts)


def _statements(prompts: PromptSet) -> frozenset[str]:
    return frozenset(PromptSet((prompt,)).digest() for prompt in prompts)


def _covered_range(request: PropagationRequest, video: VideoInfo) -> FrameRange:
    if request.frames is None:
        return FrameRange(FrameIndex(0), FrameIndex(video.frame_count))
    video.require_frame(request.frames.stop - 1)
    return request.frames
