"""Annotations with verdicts, pictures and faults, as a training's source has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

from backend.application.ports.datasets import DatasetEntry, DatasetVideo, ManifestEntry
from backend.application.ports.media import VideoSource
from backend.application.training.labels import TrainingLabels
from backend.codecs.coco_rle import CocoCodec
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import FrameSize
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, MaskDigests, MaskVerdicts, UserVerdict, Verdict, VerdictChoice
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.annotations import square
from tests.fakes.engine import FakeVideo

CODEC = CocoCodec()
CAT, DOG = DatasetObject(1, ObjectId("cat"), "Cat"), DatasetObject(2, ObjectId("dog"), "Dog")
MASK = CODEC.encode(square(0, 0, 4))
HUMAN, PROPAGATED = MaskOrigin.HUMAN, MaskOrigin.PROPAGATED


@dataclass
class Annotation:
    """A submitted annotation. origins: of each object's masks, frame by frame. verdicts: of Bea, by object.

    pictures: an error, or the video's frames. undecodable: frames with that mark.
    """

    origins: Mapping[DatasetObject, Sequence[MaskOrigin]]
    verdicts_of_bea: Mapping[DatasetObject, Verdict] = field(default_factory=dict)
    author: str = "ann@example.org"
    pictures_error: Exception | None = None
    undecodable: tuple[int, ...] = ()
    info: VideoInfo = field(default_factory=lambda: VideoInfo(ContentHash("a"), FrameSize(10, 10), 3, Fraction(25)))
    provenance: ManifestEntry = field(default_factory=dict)
    task: None = None
    not_exported: Mapping[str, int] = field(default_factory=dict)

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return tuple(self.origins)

    @property
    def verdicts(self) -> MaskVerdicts:
        digests = MaskDigests.of({each.object_id: f"of {each.label}" for each in self.origins})
        given = [
            UserVerdict(TaskKey(7, 1), "bea@example.org", GivenVerdict(each.object_id, verdict, "", f"of {each.label}"))
            for each, verdict in self.verdicts_of_bea.items()
        ]
        return MaskVerdicts.of(given, digests, author=self.author)

    def frames(self) -> Iterator[DatasetFrame]:
        for index in range(max(map(len, self.origins.values()), default=0)):
            shown = tuple(
                LabelledMask(item, MASK, None, origins[index], 0.5, True, index in self.undecodable)
                for item, origins in self.origins.items()
            )
            yield DatasetFrame(FrameIndex(index), shown)

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        if self.pictures_error is not None:
            raise self.pictures_error
        return FakeVideo()


@dataclass
class Annotations:
    """A source with an entry for each annotation, "TASK/ANNOTATION"."""

    videos: Mapping[str, Annotation | Exception]
    record: ManifestEntry = field(default_factory=lambda: {"project": 7})

    def entries(self) -> Sequence[DatasetEntry]:
        return [DatasetEntry(key, f"clip {key}", f"clip {key.partition('/')[0]}") for key in self.videos]

    def labels(self) -> Sequence[str]:
        return ()

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[DatasetVideo]:
        video = self.videos[entry.key]
        if isinstance(video, Exception):
            raise video
        yield video


class NeverCancelled:
    def raise_if_cancelled(self) -> None:
        pass


def labels(*, choice: str = "satisfactory", **videos: Annotation | Exception) -> TrainingLabels:
    """Collected. videos: by task and annotation, as t41_1."""
    named = {key.removeprefix("t").replace("_", "/"): video for key, video in videos.items()}
    made = TrainingLabels(Annotations(named), VerdictChoice.parse(choice), CODEC)
    made.collect(NeverCancelled())
    return made


def counted(made: TrainingLabels) -> dict[str, tuple[list[str], list[int]]]:
    """The objects and frames that count, by task."""
    found = {}
    for entry in made.entries():
        with made.open(entry) as video:
            names = [str(each.object_id) for each in video.objects]
            found[entry.key] = (names, [int(frame.frame_index) for frame in video.frames()])
    return found
