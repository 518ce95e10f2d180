"""The ledger's pending writes of masks into annotations, as a protocol."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from backend.domain.retries import Failures
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class AnnotationWrite:
    """The masks of a user that are to be written into an annotation of that user.

    wanted: how often the write was requested; a later request is another write. failures: of earlier tries.
    """

    task: TaskKey
    annotation_id: int
    user: str
    wanted: int
    failures: Failures = field(default_factory=Failures)

    @property
    def subject(self) -> str:
        """The name of its failed tries."""
        return f"{self.task} {self.annotation_id}"


@dataclass(frozen=True, slots=True)
class WrittenMasks:
    """The newest request of a write into an annotation. is_pending: it is not done.

    seen: the annotation's state of the request or of the write. masks_run: the masks written last; empty without any.
    """

    is_pending: bool
    seen: str
    masks_run: str


class AnnotationWrites(Protocol):
    """The durable record of writes into annotations. A requested write is on disk on return."""

    def want_annotation_write(self, task: TaskKey, annotation_id: int, *, user: str, seen: str) -> None:
        """Requests a write, unless one was requested or done for this state of the annotation.

        seen: the state, as Label Studio's time of the last change. Earlier failures are forgotten.
        """
        ...

    def due_annotation_writes(self, now_s: float, *, limit: int = 20) -> tuple[AnnotationWrite, ...]:
        """The pending writes that are not claimed, wait for no next try, and were not given up.

        A write waits while a propagation of its user on the task is open.
        """
        ...

    def claim_annotation_write(self, write: AnnotationWrite, *, until_s: float) -> bool:
        """Claims a pending write until until_s; False if another process has claimed it or it is done."""
        ...

    def release_annotation_write(self, write: AnnotationWrite) -> None:
        """Gives a claim back: the write is still to be done."""
        ...

    def finish_annotation_write(self, write: AnnotationWrite, *, seen: str, masks_run: str | None = None) -> None:
        """Ends a write, unless it was requested again meanwhile. seen: as above.

        masks_run: the written masks, empty without any; None: the annotation has those that it had.
        """
        ...

    def forget_annotation(self, write: AnnotationWrite) -> None:
        """Deletes the record of an annotation that Label Studio no longer has."""
        ...

    def written_masks(self, annotation_id: int) -> WrittenMasks | None:
        """What was written into an annotation; None if no write was requested."""
        ...

    def annotation_runs(self, runs: Collection[str]) -> frozenset[str]:
        """The names among these of masks that were written last into an annotation, or as a consensus."""
        ...
