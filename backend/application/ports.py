"""What the use cases need from outside, as protocols. Adapters implement them; tests have fakes for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from backend.application.requests import (
    Job,
    JobKind,
    JobState,
    MediaRef,
    ModelInfo,
    PendingPush,
    PreviewRequest,
    PropagationRequest,
    TaskKey,
    Waiting,
)
from backend.domain.geometry import BoolMask, RgbFrame
from backend.domain.masklets import EncodedMask, FrameMasks, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange, VideoInfo


class Clock(Protocol):
    def now_s(self) -> float:
        """Wall-clock seconds since the epoch, for records."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None: ...


class CancelToken(Protocol):
    def raise_if_cancelled(self) -> None:
        """Raises Cancelled or Superseded if this work is no longer wanted. Called between frames."""
        ...


class VideoSource(Protocol):
    """Random and sequential access to the frames of one video, or of one task's pages.

    Use as a context manager. Frames are RGB uint8 [H, W, 3] at the displayed size. Memory held is bounded and
    independent of the video's length.
    """

    @property
    def info(self) -> VideoInfo: ...

    @property
    def timestamps_s(self) -> Sequence[float]:
        """Presentation time of each frame in seconds, as a player of the video counts them."""
        ...

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame. Raises PromptError past the end, MediaError if it does not decode."""
        ...

    def frames(self, span: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The span's frames in order, or in descending order if backward."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class MediaLibrary(Protocol):
    """Fetches media into a content-addressed cache and opens it."""

    def open(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> VideoSource:
        """Fetch what is not here yet, and open it.

        frames: the only ones that will be read (None: any may be); of a task made of pages no others are fetched.
        Raises NotAllowed, MediaUnreachable, MediaError, or PromptError for a frame that there is not.
        """
        ...


class Propagation(Protocol):
    """A propagation under way: an iterator of frames that can be set down between any two of them.

    Not for several threads, and not to be asked while `__next__` runs.
    """

    @property
    def total(self) -> int:
        """How many FrameMasks the whole propagation yields, those before a resume included."""
        ...

    @property
    def done(self) -> int:
        """How many of them were yielded already, here or before the resume; equals total at the end."""
        ...

    def __iter__(self) -> Iterator[FrameMasks]: ...

    def __next__(self) -> FrameMasks: ...

    def snapshot(self) -> bytes:
        """The state after the last frame yielded. Given to `Segmenter.propagate` as resume, the frames that follow
        have bit for bit the masks and the evidence that they would have had here.

        Its size depends on the objects and their prompted frames, not on how far the propagation has come.
        """
        ...


class Segmenter(Protocol):
    """The SAM 2 engine. One per process; the model stays resident."""

    @property
    def model(self) -> ModelInfo: ...

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        """The masks, on one frame, of every object in `prompts`, given all of their prompts on all frames.

        An object that has a prompt on this frame is answered from that prompt, with memory of its other
        prompted frames; one that has none is answered from memory alone.
        Raises PromptError for an object whose prompts are all negative clicks.
        """
        ...

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        span: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        """Masks of all objects, frame by frame: first forward from the earliest prompted frame to the span's end,
        then (BACKWARD, BOTH) backward from it to the span's start. No object's frame is yielded twice.

        Before an object's first prompted frame a forward pass leaves the object out of the FrameMasks; a backward
        pass starts each object at its own earliest prompted frame. With BOTH and objects that start on different
        frames, the frames between the starts are therefore yielded twice, each time with other objects:
        Propagation.total counts yields. Constant memory; cancel is asked between frames.

        resume: what Propagation.snapshot returned, to go on after the frame it was taken at. Raises SnapshotMismatch
        if it is damaged, or was taken of another video, prompts, direction, span or weights, or on other software.
        """
        ...


class Ledger(Protocol):
    """The durable record of prompts, jobs and pushes: the source of truth.

    What people said, what was asked for and what is to be pushed is on disk on return. How far a worker is with it
    (start, progress, a finish without a push) survives every crash but a power cut, after which it is done again.
    """

    def record_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> PromptSet:
        """Add prompts to a task's and return all of the task's prompts (of this user's canvas), merged.

        Recording the same prompt twice changes nothing.
        """
        ...

    def accept(
        self,
        task: TaskKey,
        prompts: PromptSet,
        ask: Callable[[PromptSet], Sequence[PreviewRequest | PropagationRequest]],
        *,
        user: str = "",
    ) -> tuple[tuple[Job, bool], ...]:
        """record_prompts, and submit of what `ask` makes of the merged prompts: all of it on disk, or nothing."""
        ...

    def prompts(self, task: TaskKey, *, user: str = "") -> PromptSet: ...

    def claim_prompts(
        self, task: TaskKey, *, user: str, spots: Collection[tuple[ObjectId, FrameIndex | None]] | None
    ) -> None:
        """Make prompts of the canvas without a name this user's: those of these objects on these frames (frame None:
        on any), all of them if spots is None."""
        ...

    def replace_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> None:
        """Forget this canvas's prompts and keep these instead (a submitted annotation is the new truth)."""
        ...

    def submit(self, kind: JobKind, request: PreviewRequest | PropagationRequest) -> tuple[Job, bool]:
        """Record a job under its idempotency key. Returns it and whether it is new.

        A failed, cancelled or superseded job with that key is opened again with the next attempt (and counts as
        new). A PROPAGATE job supersedes the task's other open ones; one that is done already becomes the task's
        pending push again if another job's prediction took its place.
        """
        ...

    def job(self, job_id: str) -> Job:
        """Raises NotFound."""
        ...

    def request(self, job_id: str) -> PreviewRequest | PropagationRequest: ...

    def jobs(
        self,
        *,
        task: TaskKey | None = None,
        kind: JobKind | None = None,
        states: Sequence[JobState] = (),
        limit: int = 100,
    ) -> tuple[Job, ...]:
        """Newest first. A client's sessions are not among a task's jobs."""
        ...

    def counts(self) -> Mapping[tuple[JobKind, JobState], int]:
        """How many jobs there are of each kind and state; pairs without a job are left out."""
        ...

    def waiting(self) -> Waiting:
        """For what persons wait now. One cheap read, however many jobs there are."""
        ...

    def expect(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        """Note that a person waits for a job, until then (wall clock) at the longest.

        backward: above all for the frames before the one that they carry on from.
        """
        ...

    def expect_no_more(self, job_id: str, *, until_s: float) -> None:
        """Take back such a note, unless somebody waits longer than until then."""
        ...

    def start(self, job_id: str, attempt: int, worker: str) -> Job | None:
        """Claim an attempt: QUEUED → RUNNING. None if the attempt is stale or the job is no longer queued."""
        ...

    def progress(self, job_id: str, attempt: int, done: int, total: int) -> JobState:
        """Heartbeat and progress; returns the state as it is now. A stale attempt reads SUPERSEDED."""
        ...

    def finish(
        self,
        job_id: str,
        attempt: int,
        state: JobState,
        *,
        reason: str = "",
        masks_run: str = "",
        timings_s: dict[str, float] | None = None,
        push: bool = False,
    ) -> bool:
        """End an attempt; with push, the prediction becomes a pending push in the same transaction.

        False, and nothing written, if the attempt is stale.
        """
        ...

    def requeue(self, job_id: str, attempt: int, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        """Give up an attempt that died: QUEUED with the next attempt number, or FAILED after max_attempts.

        Attempts are counted since the job was opened or last saved; a forgiven one is not counted at all.
        Does nothing if that attempt is no longer current.
        """
        ...

    def reopen(self, job_id: str, attempt: int) -> Job:
        """A job that is DONE and whose masks are gone: QUEUED with the next attempt number, counted from there.

        Does nothing if that attempt is no longer current, or not DONE.
        """
        ...

    def saved(self, job_id: str, attempt: int) -> None:
        """What this attempt did so far outlives it: attempts are counted anew from the next one on.

        Does nothing if that attempt is no longer current.
        """
        ...

    def cancel(self, job_id: str) -> Job: ...

    def stale(self, *, heartbeat_before_s: float, queued_before_s: float) -> tuple[Job, ...]:
        """Open jobs whose worker fell silent, or that have waited since before queued_before_s."""
        ...

    def prune(self, before_s: float, *, limit: int) -> tuple[str, ...]:
        """Forget final jobs that nobody asked for since then and that nobody needs; returns their ids.

        The newest finished propagation of each task and model is needed, and what a push is of.
        """
        ...

    def quiet_tasks(self, before_s: float, *, after: TaskKey | None, limit: int) -> tuple[TaskKey, ...]:
        """Tasks of which nothing was asked since then, in order; those that come after `after`."""
        ...

    def forget_task(self, task: TaskKey) -> tuple[str, ...]:
        """Forget a task's prompts, jobs and pushes; returns its jobs' ids. Does nothing while a job of it is open."""
        ...

    def known(self, job_ids: Collection[str]) -> frozenset[str]:
        """Those of these jobs that the ledger has."""
        ...

    def due_pushes(self, now_s: float, *, limit: int = 20) -> tuple[PendingPush, ...]: ...

    def claim_push(self, push: PendingPush, *, until_s: float) -> bool:
        """Take a pending push for oneself until a time; False if somebody else has it."""
        ...

    def settle_push(self, push: PendingPush) -> None:
        """Write back what became of a claimed push, unless a newer job's push replaced it meanwhile."""
        ...

    def latest_push(self, task: TaskKey) -> PendingPush | None: ...


class MaskWriter(Protocol):
    """Writes one attempt's masks. Readers see it as a partial run until commit."""

    @property
    def run(self) -> str: ...

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None: ...

    def carry(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        """Add an earlier complete run's masks, bit for bit, of the objects and frames that `keeps` agrees to.

        Returns how many. Raises NotFound, IntegrityError if that run is gone or damaged.
        """
        ...

    def flush(self) -> None:
        """Make everything appended so far visible to `partial`."""
        ...

    def snapshot(self, state: bytes) -> None:
        """Flush, and note that the run can be gone on with from here, given this state: all of it or nothing."""
        ...

    def commit(self, *, durable: bool = True) -> None:
        """Make the run complete. Not durable: without waiting for the disk, for what can be made again in a moment.

        Such a run survives the end of any process; after a power cut it may be gone or read as damaged.
        """
        ...


class MaskStore(Protocol):
    """Masklets on disk as COCO RLE in chunks written by rename; a run holds one attempt's masks."""

    def writer(
        self,
        run: str,
        *,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        resume: str | None = None,
        shown: bool = True,
    ) -> AbstractContextManager[MaskWriter]:
        """Opens a run and writes its header. Leaving without commit removes what was written, unless a snapshot was
        taken: then it stays for the job's next attempt, and whoever ends the job removes it.

        shown: False keeps the run from readers until its first flush or snapshot: until then an older one serves.
        resume: begin with what that run had at its snapshot. Raises NotFound if it has none, IntegrityError if it
        is damaged.
        """
        ...

    def read(self, run: str, frames: FrameRange | None = None) -> MaskRun:
        """frames: only what lies on these, at the cost of these.

        Raises NotFound if the run was never committed, IntegrityError if a chunk is damaged.
        """
        ...

    def partial(self, run: str, frames: FrameRange | None = None) -> MaskRun | None:
        """What an open (or committed) run has flushed so far; None if it has no header yet.

        frames: only what lies on these, at the cost of these.
        """
        ...

    def records(self, run: str, start: int = 0) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        """What a run has flushed so far, in the order it was appended, from that record on. Raises IntegrityError."""
        ...

    def coverage(self, run: str) -> tuple[VideoInfo, Mapping[ObjectId, tuple[FrameRange, ...]]]:
        """The video of a complete run, and the frames that each of its objects has a mask on.

        Raises NotFound, IntegrityError.
        """
        ...

    def snapshot(self, run: str) -> bytes | None:
        """The state of an unfinished run's last snapshot; None if there is none. Raises IntegrityError."""
        ...

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        """The names of all runs, finished or not, that begin like this."""
        ...

    def idle_runs(self, before_s: float) -> tuple[str, ...]:
        """The names of the runs that nobody wrote to since then (wall clock)."""
        ...

    def remove(self, run: str) -> None: ...


class MaskCodec(Protocol):
    """COCO run lengths, both ways."""

    def encode(self, mask: BoolMask) -> EncodedMask:
        """mask: [H, W] bool."""
        ...

    def decode(self, encoded: EncodedMask) -> BoolMask:
        """[H, W] bool. Raises PromptError if the counts do not fit the shape."""
        ...


class JobQueue(Protocol):
    """Carries ledger ids to workers; may lose everything without harm, for the ledger knows."""

    def enqueue(self, job: Job, *, timeout_s: float) -> None:
        """Idempotent for (job id, attempt). Raises QueueUnavailable."""
        ...

    def is_known(self, job: Job) -> bool:
        """Whether this attempt is waiting, or being worked on, in the queue. Raises QueueUnavailable."""
        ...

    def depths(self) -> dict[JobKind, int]: ...

    def workers(self) -> dict[JobKind, int]:
        """Live workers seen per queue."""
        ...


class PredictionSink(Protocol):
    """Label Studio, as far as predictions go."""

    def put_prediction(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float
    ) -> int:
        """Make the task's prediction of this model version, or update it if it is there; returns its id.

        Raises LabelStudioUnavailable (retry) or LabelStudioRefused (do not).
        """
        ...


class TaskDirectory(Protocol):
    """Label Studio, as far as which tasks there are goes."""

    def exists(self, task: TaskKey) -> bool:
        """Whether the task is there. Raises LabelStudioUnavailable or LabelStudioRefused where that is not known."""
        ...


class RegionBuilder(Protocol):
    """Turns masklets into a Label Studio result for a label config (adapters/labelstudio)."""

    def __call__(self, run: MaskRun, *, label_config: str, task: TaskKey) -> list[dict[str, object]]: ...


class ModelDirectory(Protocol):
    """Which model the workers hold, for a web process that has none itself."""

    def announced(self) -> ModelInfo | None:
        """The model that a worker announced last; None before any has."""
        ...
