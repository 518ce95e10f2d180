"""What travels between the floors: requests, jobs and their outcomes. Plain values, JSON-able by the ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from backend.domain.prompts import PromptSet
from backend.domain.replan import Scope
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

SESSION_PREFIX = "s-"


class JobKind(StrEnum):
    """One RQ queue per kind, with the same name."""

    INTERACTIVE = "interactive"
    PROPAGATE = "propagate"


class JobState(StrEnum):
    """QUEUED and RUNNING are open; the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def is_final(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


class OutputMode(StrEnum):
    """What the label config lets us answer with."""

    PAGES = "pages"
    VIDEO = "video"
    VIDEO_VECTOR = "video_vector"
    KEYFRAME = "keyframe"


@dataclass(frozen=True, slots=True, eq=False)
class PropagationRequest:
    """Carry these prompts through this video.

    frames: None means the whole video. scope: how much to make again of what the task has already. user: whose
    prompts they are, for an earlier run that other people's prompts led to is nothing to go on from.
    """

    task: TaskKey
    media: MediaRef
    prompts: PromptSet
    direction: Direction = Direction.BOTH
    frames: FrameRange | None = None
    label_config: str = ""
    model_version: str = ""
    scope: Scope = Scope.ONWARD
    user: str = ""
    session: str = ""
    """Not empty: these masks go to the client that asked and nowhere else. The job is called "s-", replaces no other
    of its task and is replaced by none, is no prediction, and is not among the task's jobs."""

    def idempotency_key(self) -> str:
        """SHA-256, hex: the same question asked twice is one job. By whom it is asked makes no difference."""
        parts = (
            str(self.task),
            *self.media.addresses,
            self.prompts.digest(),
            self.direction,
            "" if self.frames is None else f"{self.frames.start}-{self.frames.stop}",
            self.model_version,
            self.scope,
            self.session,
            hashlib.sha256(self.label_config.encode()).hexdigest(),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class PreviewRequest:
    """The masks of the objects prompted on one frame, at once.

    prompts holds all prompts of those objects; frame_index is the frame to answer for.
    """

    task: TaskKey
    media: MediaRef
    prompts: PromptSet
    frame_index: FrameIndex
    model_version: str = ""

    def idempotency_key(self) -> str:
        parts = (
            str(self.task),
            *self.media.addresses,
            self.prompts.digest(),
            str(self.frame_index),
            self.model_version,
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def kind_of(request: PreviewRequest | PropagationRequest) -> JobKind:
    """Which queue a request belongs to."""
    return JobKind.INTERACTIVE if isinstance(request, PreviewRequest) else JobKind.PROPAGATE


def job_id_of(request: PreviewRequest | PropagationRequest) -> str:
    """The same for the same question."""
    is_session = isinstance(request, PropagationRequest) and bool(request.session)
    return f"{SESSION_PREFIX if is_session else kind_of(request)[0] + '-'}{request.idempotency_key()[:40]}"


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the ledger's jobs.

    job_id is "p-", "s-" (a client's session) or "i-" and 40 hex digits of the idempotency key. attempt is the fencing
    token: only the current attempt may publish. worker names who runs it. done/total count frames. reason
    (domain.errors.reason_of) says why it failed or ended. masks_run names the mask store's run with its result, once
    there is one.
    """

    job_id: str
    kind: JobKind
    task: TaskKey
    state: JobState
    attempt: int
    done: int = 0
    total: int = 0
    reason: str = ""
    masks_run: str = ""
    model_version: str = ""
    worker: str = ""
    created_s: float = 0.0
    updated_s: float = 0.0
    heartbeat_s: float = 0.0
    timings_s: dict[str, float] = field(default_factory=dict)

    @property
    def is_session(self) -> bool:
        return self.job_id.startswith(SESSION_PREFIX)


@dataclass(frozen=True, slots=True)
class WaitedJob:
    """An open propagation that a person waits for now. backward: for frames before the one they carry on from."""

    job_id: str
    attempt: int
    state: JobState
    backward: bool = False


@dataclass(frozen=True, slots=True)
class PendingWaits:
    """For what persons wait: whether for clicks, and for which propagations, who has waited longest first."""

    has_clicks: bool = False
    jobs: tuple[WaitedJob, ...] = ()


class PushState(StrEnum):
    PENDING = "pending"
    PUSHED = "pushed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PendingPush:
    """A prediction that is to reach Label Studio: which job's masks, for which task, tried how often."""

    task: TaskKey
    model_version: str
    job_id: str
    state: PushState
    tries: int
    next_try_s: float
    prediction_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model in use. version is what Label Studio sees as model_version: `masklet-<name>-<8 hex of weights>`, and
    `-u<8 hex>` of the calibrator if uncertainty is a probability.
    """

    name: str
    version: str
    image_size: int
    device: str
    is_demo: bool


def run_name(job_id: str, attempt: int) -> str:
    """Each attempt writes masks of its own, so a stale one can never spoil a newer one's."""
    return f"{job_id}-a{attempt}"
