"""Requests, jobs and pushes: plain values that the ledger stores as JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from backend.domain.frame_grid import FrameGrid
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Scope
from backend.domain.retries import Failures
from backend.domain.tasks import MediaRef, TaskKey, is_anonymous
from backend.domain.video import Direction, FrameIndex, FrameRange

SESSION_PREFIX = "s-"


class JobKind(StrEnum):
    """The kind of a job. Each kind has an RQ queue of the same name."""

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
        return self not in OPEN_STATES


OPEN_STATES = (JobState.QUEUED, JobState.RUNNING)


class OutputMode(StrEnum):
    """The result type that the label config allows."""

    PAGES = "pages"
    VIDEO = "video"
    VIDEO_VECTOR = "video_vector"
    KEYFRAME = "keyframe"


@dataclass(frozen=True, slots=True, eq=False)
class PropagationRequest:
    """A request to propagate prompts through a video.

    frames: None means the whole video. scope: how much of the task's earlier run is recomputed. user: the author of
    the prompts; an earlier run of another user's prompts is not reused.
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
    """Not empty: the masks go to the requesting tracking client only. The job id starts with "s-". The job neither
    supersedes nor is superseded by another job of its task, is not pushed as a prediction and is not listed among the
    task's jobs."""
    objects: tuple[ObjectId, ...] | None = None
    """The objects to compute, sorted; None: all. The others' masks are those of the earlier run, as far as their
    prompts are the same."""
    grid: FrameGrid | None = None
    """Not None: only its frames and the prompted ones are computed; the others keep the masks of the earlier run."""

    @property
    def frame_total(self) -> int:
        """The count of requested frames; 0 if it depends on the video."""
        if self.frames is None:
            return 0
        return len(self.frames) if self.grid is None else len(self.grid.frames(self.frames))

    def idempotency_key(self) -> str:
        """SHA-256, hex: equal requests are one job. The user is not part of the key."""
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
            *(() if self.objects is None else ("objects", *self.objects)),
            *(() if self.grid is None else ("grid", str(self.grid.start % self.grid.stride), str(self.grid.stride))),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class PreviewRequest:
    """A request for the masks of the objects prompted on one frame.

    prompts: all prompts of those objects. frame_index: the frame of the masks. user: the author of the prompts.
    """

    task: TaskKey
    media: MediaRef
    prompts: PromptSet
    frame_index: FrameIndex
    model_version: str = ""
    user: str = ""

    def idempotency_key(self) -> str:
        """SHA-256, hex: equal requests are one job. The user is not part of the key."""
        parts = (
            str(self.task),
            *self.media.addresses,
            self.prompts.digest(),
            str(self.frame_index),
            self.model_version,
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def kind_of(request: PreviewRequest | PropagationRequest) -> JobKind:
    """The queue of a request."""
    return JobKind.INTERACTIVE if isinstance(request, PreviewRequest) else JobKind.PROPAGATE


def job_id_of(request: PreviewRequest | PropagationRequest) -> str:
    """The job id of a request; equal requests have equal ids."""
    is_session = isinstance(request, PropagationRequest) and bool(request.session)
    return f"{SESSION_PREFIX if is_session else kind_of(request)[0] + '-'}{request.idempotency_key()[:40]}"


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the ledger's jobs.

    job_id: "p-", "s-" (a session) or "i-", then 40 hex digits of the idempotency key. attempt: the fencing number;
    only the current attempt may publish. worker: the name of the running worker. done, total: counts of frames.
    reason: why the job failed or ended (domain.errors.reason_of). masks_run: the run with the result in the mask
    store, empty before there is one. user: the user who requested it; SEVERAL_USERS after a request of a second one.
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
    user: str = ""

    @property
    def is_session(self) -> bool:
        return self.job_id.startswith(SESSION_PREFIX)


def person_of(task: TaskKey, user: str) -> str:
    """The name by which persons take turns: the user, and for an anonymous one also the task."""
    return f"{task} {user}" if is_anonymous(user) else user


@dataclass(frozen=True, slots=True)
class QueuedClick:
    """A queued click. person: see `person_of`. sequence: the order of requests.

    until_s: when its last waiter gives up, -inf without one. updated_s: when it was queued. Both wall clock.
    """

    job_id: str
    attempt: int
    person: str
    sequence: int
    until_s: float
    updated_s: float


@dataclass(frozen=True, slots=True)
class WaitedJob:
    """An open propagation with a waiter. backward: the waiter needs frames before its starting frame."""

    job_id: str
    attempt: int
    state: JobState
    backward: bool = False


@dataclass(frozen=True, slots=True)
class PendingWaits:
    """Current waiters: whether clicks are waited for, and the propagations waited for, longest wait first.

    stopped: the open propagations that are to end with the masks they have.
    """

    has_clicks: bool = False
    jobs: tuple[WaitedJob, ...] = ()
    stopped: frozenset[str] = frozenset()


class PushState(StrEnum):
    PENDING = "pending"
    PUSHED = "pushed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PendingPush:
    """A prediction to be pushed to Label Studio: its task, the job with the masks, and the tries so far.

    tries: all of them. failures: those that failed in a row for one cause.
    """

    task: TaskKey
    model_version: str
    job_id: str
    state: PushState
    tries: int
    next_try_s: float
    prediction_id: int | None = None
    reason: str = ""
    failures: Failures = field(default_factory=Failures)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model in use.

    version: Label Studio's model_version, `masklet-<name>-<8 hex of weights>`, then `-<image size>px` if that is not
    the checkpoint's own, then `-u<8 hex>` of the calibrator if uncertainty is a probability.
    """

    name: str
    version: str
    image_size: int
    device: str
    is_demo: bool


DEMO_NOTICE = "This is the demo model: it shows how Masklet works and is not for real work."
FETCH_A_REAL_ONE = (
    "Fetch a SAM 2.1 checkpoint with `masklet models pull base_plus`, or without a GPU `masklet models pull tiny`, "
    "then start again."
)
"""What a user of the demo model does next."""


def run_name(job_id: str, attempt: int) -> str:
    """The run of one attempt. Each attempt has its own run, so a stale attempt never overwrites a newer one's masks."""
    return f"{job_id}-a{attempt}"
