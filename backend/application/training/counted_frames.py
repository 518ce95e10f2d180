"""Which masks and frames of an annotation count for a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from backend.application.exports.chosen_objects import ChosenObjects
from backend.application.ports.datasets import DatasetVideo, ManifestEntry, TaskOrigin
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskVerdicts, ObjectState, VerdictChoice
from backend.domain.video import ContentHash, VideoInfo

NO_CONTENT = ContentHash("")

UNJUDGED = frozenset((ObjectState.NONE, ObjectState.OUTDATED))
"""Of an object that nobody judged, or that changed since, the masks of the frames that a person corrected count."""


@runtime_checkable
class AuthoredVideo(Protocol):
    """A DatasetVideo of one person's annotation."""

    @property
    def author(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CountedVideo:
    """A DatasetVideo of which some frames count. content: the hash of its pictures, for labels that do not know it."""

    video: DatasetVideo
    is_counted: Callable[[DatasetFrame], bool]
    content: ContentHash = NO_CONTENT

    @property
    def info(self) -> VideoInfo:
        info = self.video.info
        return info if info.content_hash else replace(info, content_hash=self.content)

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return self.video.objects

    @property
    def provenance(self) -> ManifestEntry:
        return self.video.provenance

    @property
    def verdicts(self) -> MaskVerdicts | None:
        return self.video.verdicts

    @property
    def not_exported(self) -> Mapping[str, int]:
        return self.video.not_exported

    @property
    def task(self) -> TaskOrigin | None:
        return self.video.task

    def frames(self) -> Iterator[DatasetFrame]:
        return (frame for frame in self.video.frames() if self.is_counted(frame))

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return self.video.pictures()


class Chosen(ChosenObjects):
    """One annotation without the objects that were judged otherwise."""

    def __init__(self, video: DatasetVideo, choice: VerdictChoice) -> None:
        states = None if choice.states is None else choice.states | UNJUDGED
        super().__init__(video, VerdictChoice(states))
        self.author = video.author if isinstance(video, AuthoredVideo) else ""
        self._approved: Mapping[ObjectId, bool] = {
            each.item.object_id: each.state is None or choice.keeps(each.state) for each in self.kept
        }

    def counts(self, frame: DatasetFrame) -> bool:
        """Whether every object on a frame counts."""
        return bool(frame.objects) and all(map(self._is_counted, frame.objects))

    def _is_counted(self, mask: LabelledMask) -> bool:
        if not mask.approved or mask.undecodable or mask.box is not None:
            return False
        return self._approved[mask.item.object_id] or mask.origin.is_by_person
