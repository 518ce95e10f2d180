"""A training as a row of the ledger: what was asked, which labels it learns from, how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from backend.domain.errors import InvalidInput
from backend.domain.training import TrainedPart, TrainingPlan, TrainingProgress, TrainingResult

TRAIN = "train"
"""The kind of the queue and of its worker."""

TRAINING_PREFIX = "t-"
IN_USE = "auto"
"""In place of a base: the checkpoint that Masklet uses when the training starts."""

MOST_MINUTES = 7 * 24 * 60.0
ADVANCE = 0.05
"""An attempt that adds this share to a training makes the tries before it not count."""


class TrainingState(StrEnum):
    """QUEUED and RUNNING are open; the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in OPEN_TRAININGS


OPEN_TRAININGS = (TrainingState.QUEUED, TrainingState.RUNNING)


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What a person asked for.

    base: a checkpoint's name, or IN_USE. verdicts, annotator: which labels count, as `masklet train` takes them.
    user: who asked; empty for a person at the machine. Raises InvalidInput for minutes out of range.
    """

    project_id: int
    base: str = IN_USE
    minutes: float = 60.0
    parts: TrainedPart = TrainedPart.MEMORY
    verdicts: str = "satisfactory"
    annotator: str = "auto"
    activates: bool = False
    user: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= MOST_MINUTES:
            raise InvalidInput(f"a training takes more than 0 and at most {MOST_MINUTES:g} minutes, not {self.minutes}")

    def plan(self, base: str) -> TrainingPlan:
        """base: the name of the checkpoint that IN_USE stands for at the start."""
        return TrainingPlan(base, self.minutes, self.parts)


@dataclass(frozen=True, slots=True)
class UsedVideo:
    """A video that a training learns from. task: its number in Label Studio. frames: the labelled ones that count.

    annotators: whose annotations they are. approvers: who gave the verdicts that approve its masks.
    """

    task: int
    name: str
    frames: int
    objects: int
    annotators: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOutVideo:
    """A video that a training does not learn from. reason: a sentence."""

    task: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class UsedLabels:
    """The labels of a training."""

    videos: tuple[UsedVideo, ...] = ()
    left_out: tuple[LeftOutVideo, ...] = ()

    @property
    def frames(self) -> int:
        return sum(video.frames for video in self.videos)

    @property
    def people(self) -> tuple[str, ...]:
        """The annotators and approvers, by name."""
        return tuple(sorted({name for video in self.videos for name in (*video.annotators, *video.approvers)}))


NOT_BEGUN = TrainingProgress("waits for a train worker", 0.0, {})


@dataclass(frozen=True, slots=True)
class Training:
    """One row.

    training_id: "t-" and 40 hex digits. attempt: the fencing number. tries: attempts since the training last advanced.
    base: the checkpoint it starts from; empty before its first attempt. is_cancelled: somebody asked for its end.
    note: what followed the result, such as an activation. worker: the name of the running one. Times: the ledger's.
    """

    training_id: str
    request: TrainingRequest
    state: TrainingState
    attempt: int
    tries: int = 1
    base: str = ""
    progress: TrainingProgress = NOT_BEGUN
    result: TrainingResult | None = None
    labels: UsedLabels = field(default_factory=UsedLabels)
    reason: str = ""
    note: str = ""
    worker: str = ""
    is_cancelled: bool = False
    created_s: float = 0.0
    updated_s: float = 0.0
    heartbeat_s: float = 0.0

    @property
    def name(self) -> str:
        """The name of its checkpoint, and what people call it."""
        return checkpoint_name(self.request.project_id, self.training_id)


def checkpoint_name(project_id: int, training_id: str) -> str:
    return f"p{project_id}-{training_id.removeprefix(TRAINING_PREFIX)[:6]}"
