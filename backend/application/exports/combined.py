"""A source with one video a task, where another source has one for each annotation: the best, or the consensus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from backend.application.exports.agreement import compared
from backend.application.exports.consensus import ConsensusVideo
from backend.application.exports.trusted_consensus import TrustedConsensusVideo
from backend.application.ports.datasets import DatasetEntry, DatasetSource, DatasetVideo, ManifestEntry
from backend.application.ports.masks import MaskCodec
from backend.domain.crowd.estimates import Estimate
from backend.domain.datasets import AnnotatorChoice

Trust = Callable[[DatasetVideo], Estimate]
"""The trust in the person of an annotation."""


def no_trust(_: DatasetVideo) -> Estimate:
    """Raises ValueError."""
    raise ValueError("a consensus that is weighted by trust needs the trust in each person")


@dataclass(slots=True)
class CombinedSource:
    """A DatasetSource. each: a source whose entries name the video that they label (DatasetEntry.video).

    way: BEST takes the annotation that agrees most with the others, of equal ones the newest; CONSENSUS what more than
    half of them say; TRUSTED_CONSENSUS what they say weighted by `trust` in each annotation's person, which that way
    needs. A video with one entry stays as it is.
    """

    each: DatasetSource
    way: AnnotatorChoice.Way
    codec: MaskCodec
    trust: Trust = no_trust
    _together: dict[str, list[DatasetEntry]] = field(default_factory=dict, init=False)

    @property
    def record(self) -> ManifestEntry:
        return {**self.each.record, "annotator": str(self.way)}

    def entries(self) -> Sequence[DatasetEntry]:
        self._together = {}
        for entry in self.each.entries():
            self._together.setdefault(entry.key.partition("/")[0], []).append(entry)
        return [DatasetEntry(key, together[0].video or together[0].name) for key, together in self._together.items()]

    def labels(self) -> Sequence[str]:
        return self.each.labels()

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[DatasetVideo]:
        """An entry of the last call of `entries`."""
        with ExitStack() as stack:
            videos = [stack.enter_context(self.each.open(one)) for one in self._together[entry.key]]
            if len(videos) == 1:
                yield videos[0]
            elif self.way is AnnotatorChoice.Way.CONSENSUS:
                yield ConsensusVideo(videos, self.codec)
            elif self.way is AnnotatorChoice.Way.TRUSTED_CONSENSUS:
                yield TrustedConsensusVideo(videos, self.codec, [self.trust(video) for video in videos])
            else:
                yield videos[self._best(videos)]

    def _best(self, videos: Sequence[DatasetVideo]) -> int:
        _, agreements = compared(videos, self.codec)
        return max(range(len(videos)), key=lambda at: (agreements[at], at))
