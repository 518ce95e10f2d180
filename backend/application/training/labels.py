"""The labels that a training learns from: human frames and approved masklets of a project, as a DatasetSource.

A mask counts if a person submitted it and either approved its object with a verdict or made the mask of that frame. A
frame counts if every object of it counts. Objects with another verdict, such as redo, are not there. Several people's
annotations of a video become their consensus, on the frames that count for one of them. A video with a fault is left
out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from backend.application.exports.combined import Trust, no_trust
from backend.application.exports.consensus import ConsensusVideo
from backend.application.exports.trusted_consensus import TrustedConsensusVideo
from backend.application.ports.datasets import DatasetEntry, DatasetSource, DatasetVideo, ManifestEntry
from backend.application.ports.engine import CancelToken
from backend.application.ports.masks import MaskCodec
from backend.application.ports.media import is_undecodable
from backend.application.training.counted_frames import AuthoredVideo, Chosen, CountedVideo
from backend.domain.datasets import AnnotatorChoice
from backend.domain.errors import (
    IntegrityError,
    InvalidInput,
    MediaError,
    MediaUnreachable,
    NotAllowed,
    NotFound,
    PicturesGone,
)
from backend.domain.training.rows import LeftOutVideo, UsedLabels, UsedVideo
from backend.domain.verdicts import Verdict, VerdictChoice
from backend.domain.video import ContentHash, FrameIndex

MEDIA_FAULTS = (MediaError, MediaUnreachable, PicturesGone, IntegrityError)
FAULTS = (*MEDIA_FAULTS, InvalidInput, NotAllowed, NotFound)
"""Faults of a single video."""

ANYBODY = "auto"
CONSENSUS_WAYS = (AnnotatorChoice.Way.CONSENSUS, AnnotatorChoice.Way.TRUSTED_CONSENSUS)
TAKEN_WAYS = (AnnotatorChoice.Way.NEWEST, AnnotatorChoice.Way.USER, *CONSENSUS_WAYS)


def annotator_choice(text: str) -> AnnotatorChoice | None:
    """Whose annotations count; None for `auto`: everybody's, as a consensus. Raises InvalidInput naming the choices."""
    if text == ANYBODY:
        return None
    choice = AnnotatorChoice.parse(text)
    if choice.way not in TAKEN_WAYS:
        raise InvalidInput(
            f"a training takes --annotator {ANYBODY}, newest, {', '.join(CONSENSUS_WAYS)} or the number of a Label "
            f"Studio user, not {text!r}"
        )
    return choice


@dataclass(slots=True)
class TrainingLabels:
    """A DatasetSource; `collect` comes before the other calls.

    source: a project's annotations. excluded: tasks that are not learned from. way: of making one video of several
    annotations, CONSENSUS or TRUSTED_CONSENSUS, for which `trust` is needed.
    """

    source: DatasetSource
    verdicts: VerdictChoice
    codec: MaskCodec
    way: AnnotatorChoice.Way = AnnotatorChoice.Way.CONSENSUS
    trust: Trust = no_trust
    excluded: Collection[int] = ()
    used: UsedLabels = field(default_factory=UsedLabels, init=False)
    _together: dict[str, list[DatasetEntry]] = field(default_factory=dict, init=False)
    _entries: dict[str, DatasetEntry] = field(default_factory=dict, init=False)

    @property
    def record(self) -> ManifestEntry:
        """The source's record with the choice of labels, the people, and the videos."""
        videos = [
            {
                "task": video.task,
                "frames": video.frames,
                "objects": video.objects,
                "annotators": list(video.annotators),
                "approvers": list(video.approvers),
            }
            for video in self.used.videos
        ]
        return {
            **self.source.record,
            "verdicts": str(self.verdicts),
            "consensus": str(self.way),
            "people": list(self.used.people),
            "videos": videos,
        }

    def collect(self, cancel: CancelToken) -> UsedLabels:
        """Reads all annotations, and some pictures of each video. Raises InvalidInput without a frame that counts."""
        self._together, self._entries = {}, {}
        for entry in self._listed():
            if _task_of(entry.key) not in self.excluded:
                self._together.setdefault(entry.key.partition("/")[0], []).append(entry)
        videos, left_out = list[UsedVideo](), list[LeftOutVideo]()
        for key, together in self._together.items():
            cancel.raise_if_cancelled()
            name = together[0].video or together[0].name
            try:
                videos.append(self._collected(key, name, cancel))
            except FAULTS as error:
                left_out.append(LeftOutVideo(_task_of(key), name, str(error)))
        self.used = UsedLabels(tuple(videos), tuple(left_out))
        if not videos:
            raise InvalidInput(self._nothing())
        return self.used

    def _listed(self) -> Sequence[DatasetEntry]:
        try:
            return self.source.entries()
        except NotFound as error:
            raise InvalidInput(f"there is nothing to learn from: {str(error).partition(';')[0]}") from error

    def leave_out(self, key: str, reason: str) -> UsedLabels:
        """Leaves out a video in which a fault was met later."""
        entry = self._entries.pop(key)
        kept = tuple(video for video in self.used.videos if video.task != _task_of(key))
        gone = LeftOutVideo(_task_of(key), entry.name, reason)
        self.used = UsedLabels(kept, (*self.used.left_out, gone))
        return self.used

    def entries(self) -> Sequence[DatasetEntry]:
        """The videos that count. `video` is the same for tasks with the same video."""
        return list(self._entries.values())

    def labels(self) -> Sequence[str]:
        return self.source.labels()

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[CountedVideo]:
        """Raises VideoFault with the entry for a fault of its own."""
        with ExitStack() as stack:
            try:
                video = stack.enter_context(self._opened(entry.key))
            except FAULTS as error:
                raise VideoFault(entry.key, str(error)) from error
            try:
                yield replace(video, content=ContentHash(entry.video))
            except MEDIA_FAULTS as error:
                raise VideoFault(entry.key, str(error)) from error

    def _collected(self, key: str, name: str, cancel: CancelToken) -> UsedVideo:
        """Raises one of FAULTS."""
        with self._opened(key) as video:
            frames = []
            for frame in video.frames():
                cancel.raise_if_cancelled()
                frames.append(frame.frame_index)
            if not frames or not video.objects:
                raise InvalidInput("it has no frame of which every mask was corrected or approved by a person")
            opening = video.pictures()
            if opening is None:
                raise MediaError("its pictures are not available")
            with opening as shown:
                for index in sorted({frames[0], frames[len(frames) // 2], frames[-1]}):
                    shown.frame(FrameIndex(index))
                    if is_undecodable(shown, index):
                        raise MediaError(f"frame {index} does not decode")
                content = shown.info.content_hash or ContentHash(f"task {key}")
            self._entries[key] = DatasetEntry(key, name, str(content))
            counts = (len(frames), len(video.objects))
            return UsedVideo(_task_of(key), name, *counts, *self._people(key, video))

    def _people(self, key: str, video: CountedVideo) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The annotators, and those whose verdicts approve."""
        inner = video.video
        parts = inner.parts if isinstance(inner, _Together) else (inner,)
        annotators = {part.author for part in parts if isinstance(part, AuthoredVideo) and part.author}
        given = [each for part in parts if part.verdicts is not None for each in part.verdicts.listed]
        approvers = {
            each.user
            for each in given
            if not each.shown.is_outdated and each.shown.given.verdict is Verdict.SATISFACTORY and each.user
        }
        return tuple(sorted(annotators)), tuple(sorted(approvers))

    @contextmanager
    def _opened(self, key: str) -> Iterator[CountedVideo]:
        with ExitStack() as stack:
            videos = [stack.enter_context(self.source.open(one)) for one in self._together[key]]
            chosen = [Chosen(video, self.verdicts) for video in videos]
            if len(chosen) == 1:
                yield CountedVideo(chosen[0], chosen[0].counts)
                return
            indices = {frame.frame_index for one in chosen for frame in one.frames() if one.counts(frame)}
            together = (
                _Together(chosen, self.codec)
                if self.way is AnnotatorChoice.Way.CONSENSUS
                else _TrustedTogether(chosen, self.codec, [self.trust(video) for video in videos])
            )
            yield CountedVideo(together, lambda frame: frame.frame_index in indices and bool(frame.objects))

    def _nothing(self) -> str:
        if not self.used.left_out:
            return "the project has no annotation to learn from: submit some, or name another project"
        first = self.used.left_out[0]
        return (
            f"no video of the project can be learned from. Task {first.task}: {first.reason}. Frames count if every "
            "mask was corrected by a person or approved with the verdict satisfactory; --verdict all takes every "
            "submitted mask"
        )


class VideoFault(MediaError):
    """A video met a fault while a training read it. key: of its entry."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"task {_task_of(key)}: {reason}")
        self.key = key
        self.reason = reason


class _Together(ConsensusVideo):
    """A consensus that knows its annotations."""

    @property
    def parts(self) -> Sequence[DatasetVideo]:
        return self._videos


class _TrustedTogether(TrustedConsensusVideo, _Together):
    """The same, weighted by trust."""


def _task_of(key: str) -> int:
    return int(key.partition("/")[0])
