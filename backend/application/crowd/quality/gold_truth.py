"""The truth of a gold task: taken from an expert's annotation, and as a labelled video to compare with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from backend.application.ports.datasets import DatasetVideo, ManifestEntry
from backend.application.ports.media import VideoSource
from backend.domain.crowd.gold_truth import GoldTruth
from backend.domain.datasets import DatasetFrame, DatasetObject
from backend.domain.errors import InvalidInput
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import FrameIndex, VideoInfo


def truth_of_video(video: DatasetVideo, frames: Sequence[int]) -> GoldTruth:
    """An annotation's objects on the compared frames. Raises InvalidInput for one without an object on any of them."""
    kept = {int(frame.frame_index): frame.present for frame in video.frames() if int(frame.frame_index) in frames}
    if not any(kept.values()):
        raise InvalidInput("the annotation has no object on the frames that would be compared; it cannot be gold")
    return GoldTruth(video.info.size, video.info.frame_count, video.objects, kept)


@dataclass(frozen=True)
class TruthVideo:
    """A DatasetVideo of a truth: frames that are not compared have no objects. info: of the compared annotation.

    Raises InvalidInput if the annotation's video is another one.
    """

    truth: GoldTruth
    info: VideoInfo
    provenance: ManifestEntry = field(default_factory=dict)
    not_exported: Mapping[str, int] = field(default_factory=dict)
    verdicts: MaskVerdicts | None = None
    task: None = None

    def __post_init__(self) -> None:
        found, wanted = self.info, self.truth
        if (found.size, found.frame_count) != (wanted.size, wanted.frame_count):
            raise InvalidInput(
                f"the task's video has {found.frame_count} frames of {found.size.width}x{found.size.height}, and the "
                f"truth is of {wanted.frame_count} of {wanted.size.width}x{wanted.size.height}: it is of another video"
            )

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return self.truth.objects

    def frames(self) -> Iterator[DatasetFrame]:
        for index in range(self.info.frame_count):
            yield DatasetFrame(FrameIndex(index), self.truth.frames.get(index, ()))

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return None
