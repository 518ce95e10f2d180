"""The objects of a video that an export keeps by their verdicts, as a video of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.application.ports.datasets import DatasetVideo, ManifestEntry, TaskOrigin
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject
from backend.domain.verdicts import MaskVerdicts, ObjectState, VerdictChoice
from backend.domain.video import VideoInfo


@dataclass(frozen=True, slots=True)
class JudgedObject:
    """An object, and what counts for it; state None: its source has no verdicts."""

    item: DatasetObject
    state: ObjectState | None

    def record(self) -> ManifestEntry:
        """The object's entry in the manifest."""
        return {
            "number": self.item.number,
            "id": str(self.item.object_id),
            "label": self.item.label,
            "verdict": None if self.state is None else self.state.value,
        }


class ChosenObjects:
    """A DatasetVideo with some objects of another one. They keep their numbers.

    kept, left_out: the objects of the other video, in its order. All objects of a source without verdicts are kept.
    """

    def __init__(self, video: DatasetVideo, choice: VerdictChoice) -> None:
        verdicts = video.verdicts
        judged = [
            JudgedObject(item, None if verdicts is None else verdicts.state(item.object_id)) for item in video.objects
        ]
        self.kept = tuple(each for each in judged if each.state is None or choice.keeps(each.state))
        self.left_out = tuple(each for each in judged if each not in self.kept)
        self._video = video
        self._items = frozenset(each.item for each in self.kept)

    @property
    def info(self) -> VideoInfo:
        return self._video.info

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return tuple(each.item for each in self.kept)

    @property
    def provenance(self) -> ManifestEntry:
        return self._video.provenance

    @property
    def verdicts(self) -> MaskVerdicts | None:
        return self._video.verdicts

    @property
    def not_exported(self) -> Mapping[str, int]:
        """Of the other video."""
        return self._video.not_exported

    @property
    def task(self) -> TaskOrigin | None:
        return self._video.task

    def frames(self) -> Iterator[DatasetFrame]:
        """The frames without the other objects. A frame that says nothing about the kept ones is left out."""
        if not self.left_out:
            yield from self._video.frames()
            return
        for frame in self._video.frames():
            objects = tuple(each for each in frame.objects if each.item in self._items)
            if objects or not frame.objects:
                yield DatasetFrame(frame.frame_index, objects)

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return self._video.pictures()

    def verdict_records(self) -> list[ManifestEntry]:
        """The verdicts on the video's masks, for the manifest."""
        return [
            {
                "object": None if each.shown.given.object_id is None else str(each.shown.given.object_id),
                "verdict": each.shown.given.verdict.value,
                "comment": each.shown.given.comment,
                "user": each.user,
                "is_outdated": each.shown.is_outdated,
            }
            for each in (() if self.verdicts is None else self.verdicts.listed)
        ]
