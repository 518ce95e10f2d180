"""The collaborators of an import, in memory: a library, a project that can fail, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from backend.application.imports.model import (
    BatchItem,
    ImportMode,
    Outcome,
    Source,
    SourceMedia,
    SourceMediaKind,
    TaskDraft,
)
from backend.domain.errors import LabelStudioUnavailable, MediaError
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash, FrameIndex


def medium(name: str, frame_count: int = 10, content: str = "") -> SourceMedia:
    digest = (content or name).encode().hex().ljust(64, "0")[:64]
    return SourceMedia(
        ContentHash(digest),
        SourceMediaKind.VIDEO,
        Path("/v") / name,
        name,
        FrameSize(16, 8),
        frame_count,
        Fraction(25),
        "",
    )


class FakeLibrary:
    """Videos of ten frames. bad*.mp4 raise MediaError, foreign*.mp4 an error of a library; copy*.mp4 have the content
    of a.mp4."""

    def __init__(self) -> None:
        self.looked_at: list[str] = []

    def add(self, source: Source) -> SourceMedia:
        self.looked_at.append(source.name)
        if source.name.startswith("bad"):
            raise MediaError(f"{source.name} is no video")
        if source.name.startswith("foreign"):
            b"\xe9".decode()
        return medium(source.name, content="a.mp4" if source.name.startswith("copy") else "")

    def diverse(self, medium: SourceMedia, candidates: Sequence[FrameIndex], number: int) -> tuple[FrameIndex, ...]:
        return tuple(candidates[:: max(1, len(candidates) // number)][:number])


class FakePlacement:
    def addresses(self, draft: TaskDraft, mode: ImportMode) -> list[str]:
        if mode is ImportMode.VIDEO:
            return [f"/{draft.medium.name}"]
        return [f"/{draft.medium.name}/{frame}" for frame in draft.frames]


class FakeTasks:
    """A project. lost_answers: calls that make their tasks and then raise. refused: calls that make none and raise."""

    def __init__(self) -> None:
        self.tasks: list[Mapping[str, object]] = []
        self.calls: list[int] = []
        self.lost_answers = 0
        self.refused = 0

    def known(self, project_id: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for number, data in enumerate(self.tasks, 1):
            facts = data["masklet"]
            assert isinstance(facts, dict)
            found.setdefault(facts["key"], number)
        return found

    def create(self, project_id: int, tasks: Sequence[Mapping[str, object]]) -> list[int]:
        if self.refused:
            self.refused -= 1
            raise LabelStudioUnavailable("Label Studio does not answer")
        self.calls.append(len(tasks))
        first = len(self.tasks) + 1
        self.tasks.extend(tasks)
        if self.lost_answers:
            self.lost_answers -= 1
            raise LabelStudioUnavailable("Label Studio did not answer in time")
        return list(range(first, first + len(tasks)))


class MemoryRecords:
    """BatchRecords without a disk."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[int, str], BatchItem] = {}
        self.failed: list[tuple[int, Outcome]] = []

    def items(self, project_id: int | None = None) -> tuple[BatchItem, ...]:
        return tuple(i for i in self.by_key.values() if project_id in (None, i.project_id))

    def put(self, items: Sequence[BatchItem]) -> None:
        self.by_key |= {(item.project_id, item.key): item for item in items}

    def fail(self, project_id: int, outcome: Outcome) -> None:
        self.failed.append((project_id, outcome))

    def clear_failure(self, project_id: int, source: str) -> None:
        self.failed = [(p, o) for p, o in self.failed if (p, o.source) != (project_id, source)]

    def failures(self, project_id: int | None = None) -> tuple[tuple[int, Outcome], ...]:
        return tuple(entry for entry in self.failed if project_id in (None, entry[0]))
