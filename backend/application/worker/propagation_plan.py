"""The plan of a propagation: the passes to compute, and the earlier run whose masks are reused."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from backend.application.jobs.queries import propagations
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.frame_grid import grid_pass_plan
from backend.domain.jobs import Job, PropagationRequest
from backend.domain.prompts import PromptSet
from backend.domain.replan import EarlierRun, PassPlan, Scope, full_pass_plan, incremental_pass_plan, total_frames
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PropagationPlan:
    """The passes to compute from these prompts. base: the run that the other frames are reused from; empty: none."""

    prompts: PromptSet
    passes: PassPlan
    base: str = ""

    @property
    def total(self) -> int:
        """The count of frames that the engine computes."""
        return sum(total_frames(each, self.prompts) for each in self.passes.passes)

    def digest(self) -> str:
        """SHA-256, hex: equal plans have equal digests in every process."""
        return hashlib.sha256(f"{self.base} {self.passes.digest()} {self.prompts.digest()}".encode()).hexdigest()


def full_plan(request: PropagationRequest, video: VideoInfo) -> PropagationPlan:
    """Computes all requested frames of the wanted objects, reuses none. Raises PromptError for frames past the end."""
    requested = _requested_range(request, video)
    if request.grid is None:
        passes = full_pass_plan(_computed(request), direction=request.direction, requested=requested)
    else:
        passes = grid_pass_plan(_computed(request), request.grid, direction=request.direction, requested=requested)
    return PropagationPlan(request.prompts, passes)


def incremental_plan(
    job: Job, request: PropagationRequest, video: VideoInfo, *, ledger: Ledger, masks: MaskStore
) -> PropagationPlan:
    """The plan that reuses the newest usable finished run of the task; the full plan if there is none.

    Every attempt of a job gets the same plan: a job that would change the result supersedes this one.
    Raises PromptError for frames past the end.
    """
    if request.scope is not Scope.ALL:
        for earlier, prompts in _earlier(job, request, ledger):
            try:
                of_video, covered = masks.coverage(earlier.masks_run)
            except (NotFound, IntegrityError) as error:
                logger.warning("job %s cannot reuse masks of job %s: %s", job.job_id, earlier.job_id, error)
                continue
            if of_video == video:
                kept = _incremental(request, EarlierRun(prompts, covered), video)
                return PropagationPlan(request.prompts, kept, earlier.masks_run)
    return full_plan(request, video)


def _incremental(request: PropagationRequest, earlier: EarlierRun, video: VideoInfo) -> PassPlan:
    requested = _requested_range(request, video)
    plan = incremental_pass_plan(
        request.prompts,
        earlier,
        frame_count=video.frame_count,
        direction=request.direction,
        requested=requested,
        scope=request.scope,
        computed=request.objects if request.grid is None else (),
    )
    if request.grid is None:
        return plan
    return grid_pass_plan(_computed(request), request.grid, direction=request.direction, requested=requested, kept=plan)


def _computed(request: PropagationRequest) -> PromptSet:
    """The prompts of the objects to compute."""
    return request.prompts if request.objects is None else request.prompts.only(request.objects)


def _earlier(job: Job, request: PropagationRequest, ledger: Ledger) -> Iterator[tuple[Job, PromptSet]]:
    """The task's finished propagations by this model from this user's prompts only, newest first."""
    for earlier in propagations(ledger, job.task, model_version=job.model_version):
        past = ledger.request(earlier.job_id)
        if isinstance(past, PropagationRequest) and past.media == request.media and _is_own(past, request):
            yield earlier, past.prompts


def _is_own(past: PropagationRequest, request: PropagationRequest) -> bool:
    """Whether no kept mask depends on another user's prompts."""
    return past.user == request.user or _prompt_digests(past.prompts) <= _prompt_digests(request.prompts)


def _prompt_digests(prompts: PromptSet) -> frozenset[str]:
    return frozenset(PromptSet((prompt,)).digest() for prompt in prompts)


def _requested_range(request: PropagationRequest, video: VideoInfo) -> FrameRange:
    if request.frames is None:
        return FrameRange(FrameIndex(0), FrameIndex(video.frame_count))
    video.require_frame(request.frames.stop - 1)
    return request.frames
