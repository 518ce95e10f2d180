"""Values and ports of a batch import: source media, task drafts, outcomes.

A medium is not copied: it is identified by its content hash, and its frames are read on demand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from backend.application.imports.task_fields import GivenFields
from backend.domain.geometry import FrameSize
from backend.domain.prompts import PromptSet
from backend.domain.selection import Portion, Selection
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, FrameIndex

MEDIA_ID_DIGITS = 32


class SourceMediaKind(StrEnum):
    """A video file; or a folder of images that are its frames, or one image file of several pages."""

    VIDEO = "video"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class SourceMedia:
    """A source of frames on this machine.

    content_hash: SHA-256, hex, of its content; media_id is its first 32 digits. path: the file or folder. names: of an
    IMAGES medium, its files in the order of frames. numbers: the frames' numbers in the video they were taken from;
    empty where they count from 0.
    stamp: size and modification time when it was added, to detect changes. note: what became of the source, for people;
    empty if it is used as it is.
    """

    content_hash: ContentHash
    kind: SourceMediaKind
    path: Path
    name: str
    size: FrameSize
    frame_count: int
    frame_rate: Fraction
    stamp: str
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    note: str = ""

    @property
    def media_id(self) -> str:
        return self.content_hash[:MEDIA_ID_DIGITS]

    def picture(self, position: int) -> Path:
        """The image of a frame of an IMAGES medium."""
        folder = self.path if self.path.is_dir() else self.path.parent
        return folder / self.names[position]

    def number_of(self, position: int) -> int:
        return self.numbers[position] if self.numbers else position


@dataclass(frozen=True, slots=True)
class Source:
    """One source to import, from the command line or a list.

    name: for people; unique also for files of one name. prompts: its own prompt file. task_id: of an existing task,
    which is prompted, not created. extra: further task data. frames: from the list; empty: the plan decides. note: of
    what lies beside it and is not imported.
    """

    name: str
    path: Path | None = None
    prompts: str = ""
    task_id: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    frames: tuple[int, ...] = ()
    note: str = ""


class Reencode(StrEnum):
    """Which videos become a copy that browsers play: those that they do not play, all, or none."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class ImportMode(StrEnum):
    """The content of a task: a video, its frames as pages of one image, or one frame."""

    VIDEO = "video"
    PAGES = "pages"
    KEYFRAMES = "keyframes"


@dataclass(frozen=True, slots=True)
class Plan:
    """How sources become tasks. segment None: one task, however long. beside: data keys of players beside the video.

    fields: further fields of every task's data.
    """

    project_id: int
    mode: ImportMode
    value_key: str
    selection: Selection = field(default_factory=Selection)
    portion: Portion = field(default_factory=Portion)
    segment: int | None = None
    overlap: int = 0
    beside: tuple[str, ...] = ()
    fields: GivenFields = field(default_factory=GivenFields)


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A task to be created. key: equal for the same frames of the same content, in every run and process."""

    key: str
    name: str
    medium: SourceMedia
    frames: tuple[FrameIndex, ...]
    number: int = 0
    count: int = 1
    shared: int = 0
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Equal for all segments of one video with one segmentation."""
        return self.key.rpartition("-")[0]


def draft_key(medium: SourceMedia, mode: ImportMode, frames: Sequence[int], *, number: int, cut: str) -> str:
    """40 hex digits and the segment's number. cut: how the segments were cut, which all of them share."""
    what = "\0".join((medium.media_id, mode, cut))
    return f"{hashlib.sha256(what.encode()).hexdigest()[:40]}-{number:05d}" if frames else ""


class ItemState(StrEnum):
    """How one source or task ended."""

    CREATED = "created"
    EXISTING = "existing"
    DUPLICATE = "duplicate"
    PROMPTED = "prompted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the report: the result for one task, or why a source has no task.

    note: what became of the source on the way, such as a copy that browsers play.
    """

    source: str
    state: ItemState
    name: str = ""
    task_id: int | None = None
    reason: str = ""
    prompts: int = 0
    auto: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def document(self) -> dict[str, object]:
        """As written to the report, without empty fields."""
        fields: dict[str, object] = {"source": self.source, "state": self.state, "name": self.name}
        fields |= {"task": self.task_id, "reason": self.reason, "prompts": self.prompts, "auto": dict(self.auto)}
        fields["note"] = self.note
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A stored imported task.

    handover: of a segment after another one: empty before the handover, else its result.
    """

    project_id: int
    key: str
    task_id: int
    name: str
    media_id: str
    number: int = 0
    count: int = 1
    shared: int = 0
    length: int = 0
    carry: bool = False
    certainty: float = 1.0
    prompted: bool = False
    handover: str = ""

    @property
    def task(self) -> TaskKey:
        return TaskKey(self.project_id, self.task_id)

    @property
    def group(self) -> str:
        return self.key.rpartition("-")[0]


class Library(Protocol):
    """Media on this machine, by content hash."""

    def add(self, source: Source) -> SourceMedia:
        """Reads a source and records it. Raises MediaError or InvalidInput with the file and a remedy."""
        ...

    def diverse(self, medium: SourceMedia, candidates: Sequence[FrameIndex], number: int) -> tuple[FrameIndex, ...]:
        """The `number` most diverse candidates, ascending."""
        ...


class Placement(Protocol):
    """Makes a draft's media available to Label Studio's page: `--pages`."""

    def addresses(self, draft: TaskDraft, mode: ImportMode) -> list[str]:
        """One address a frame; of a VIDEO draft, one address. Raises InvalidInput, MediaError or ServiceUnavailable."""
        ...


class ProjectTasks(Protocol):
    """Creates tasks in Label Studio. Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def known(self, project_id: int) -> dict[str, int]:
        """The ids of a project's imported tasks, by key."""
        ...

    def create(self, project_id: int, tasks: Sequence[Mapping[str, object]]) -> list[int]:
        """Creates tasks in one call; returns their ids in order. tasks: their data."""
        ...


class BatchRecords(Protocol):
    """The durable records of imported tasks on this machine."""

    def items(self, project_id: int | None = None) -> tuple[BatchItem, ...]:
        """The items, sorted by name and segment."""
        ...

    def put(self, items: Sequence[BatchItem]) -> None:
        """Stores items; replaces those of the same project and key."""
        ...

    def fail(self, project_id: int, outcome: Outcome) -> None:
        """Stores why a source has no task."""
        ...

    def clear_failure(self, project_id: int, source: str) -> None:
        """Deletes the failures of a source, before it is read again."""
        ...

    def failures(self, project_id: int | None = None) -> tuple[tuple[int, Outcome], ...]: ...


class PromptSource(Protocol):
    """Prompts for a draft without a person."""

    def prompts(self, source: Source, draft: TaskDraft) -> tuple[PromptSet, Mapping[str, float]]:
        """The prompts on the draft's own frames, 0-based, and the scores of the automatic ones among them.

        Empty if there are none for this draft. Raises PromptError naming the file and the fault.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExistingTask:
    """An existing task's media and data, and prompts for it. note: for people, of media that browsers do not show."""

    media: MediaRef
    data: Mapping[str, object]
    prompts: PromptSet
    note: str = ""


class ExistingTasks(Protocol):
    """Existing tasks, to be prompted."""

    def read(self, source: Source, task: TaskKey) -> ExistingTask:
        """The task with prompts for it. Raises a MaskletError for a fault of the task or the prompts."""
        ...


Report = Callable[[Outcome], None]
