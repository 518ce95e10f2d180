"""Exports: labelled videos of a source, a choice of frames, a format; one video and one frame at a time.

Owns the part common to all formats: the choice of frames, the check that the source can serve the format, and the
manifest with the origin of each mask. Refuses an export without frames: an empty data set looks like a finished one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from backend.application.exports.chosen_objects import ChosenObjects
from backend.application.exports.manifest import (
    MANIFEST,
    Entry,
    FrameCounts,
    faulty_entry,
    left_out_entry,
    manifest_body,
    video_entry,
)
from backend.application.exports.naming import planned
from backend.application.ports.datasets import (
    DatasetFormat,
    DatasetSource,
    DatasetVideo,
    FrameSink,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.application.ports.media import VideoSource
from backend.application.ports.progress import counted
from backend.domain.datasets import DatasetFrame, FrameChoice, Keep, kinds_text
from backend.domain.errors import IntegrityError, InvalidInput, MediaError, MediaUnreachable, NotFound, PicturesGone
from backend.domain.verdicts import VerdictChoice, counts_text
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

FAULTS = (InvalidInput, IntegrityError, MediaError, NotFound)
"""Faults of a single video."""


class ClosableTarget(Target, Protocol):
    """A Target with a list of its files."""

    def finish(self) -> ManifestEntry:
        """Writes a list of all files with SHA-256; returns their count and bytes, and the list's name and hash."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """Counts of an export. skipped: faulty videos left out. offered: labelled frames.

    objects: of the videos that could be read. left_out: of these, those that were not chosen, by what counts for them.
    not_exported: what people drew and no object has, by kind.
    """

    videos: int
    skipped: int
    offered: int
    kept: int
    masks: int
    objects: int
    left_out: Mapping[str, int]
    not_exported: Mapping[str, int]
    notes: ManifestEntry


@dataclass(slots=True)
class _Tally:
    """Counts of all videos."""

    frames: FrameCounts = field(default_factory=FrameCounts)
    objects: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    not_exported: Counter[str] = field(default_factory=Counter)

    def add_objects(self, video: ChosenObjects) -> None:
        self.objects += len(video.kept) + len(video.left_out)
        self.left_out.update(str(each.state) for each in video.left_out)
        self.not_exported.update(video.not_exported)


@dataclass(frozen=True, slots=True)
class Export:
    """One export.

    now_s: wall-clock seconds since the epoch. choice: of frames. verdicts: of objects. pictures: write the video's
    frames into formats with optional pictures; None: if they are available. skip_faulty: leave out videos that cannot
    be read.
    """

    source: DatasetSource
    format: DatasetFormat
    now_s: Callable[[], float]
    version: str
    choice: FrameChoice = field(default_factory=FrameChoice)
    verdicts: VerdictChoice = field(default_factory=VerdictChoice)
    pictures: bool | None = None
    skip_faulty: bool = False

    def run(self, target: ClosableTarget) -> Exported:
        """Writes all videos and the manifest. Raises InvalidInput if no frame is kept or pictures are missing."""
        videos = planned(self.source.entries())
        self.format.start(target, videos)
        total, records, skipped, without = _Tally(), list[Entry](), list[Entry](), list[Entry]()
        for planned_video in videos:
            with ExitStack() as stack:
                try:
                    video = ChosenObjects(stack.enter_context(self.source.open(planned_video.entry)), self.verdicts)
                    has_object = bool(video.kept) or not video.left_out
                    shown = self._pictures(planned_video, video, stack) if has_object else None
                except FAULTS as error:
                    if not self.skip_faulty:
                        raise
                    skipped.append(faulty_entry(planned_video, error))
                    continue
                total.add_objects(video)
                if has_object:
                    records.append(self._video(planned_video, video, shown, total))
                else:
                    without.append(left_out_entry(planned_video, video))
        if total.frames.kept == 0:
            raise InvalidInput(self._nothing(total))
        notes = self.format.finish()
        head = {"created": self._now(), **self._about(total), "notes": dict(notes), "skipped": skipped}
        files, left_out = dict(target.finish()), dict(total.left_out)
        target.write(MANIFEST, manifest_body({**head, "left_out": without, "files": files, "videos": records}))
        frames = total.frames
        counts = (len(records), len(skipped), frames.offered, frames.kept, frames.masks, total.objects)
        return Exported(*counts, left_out, dict(total.not_exported), notes)

    def _video(
        self, planned_video: PlannedVideo, video: ChosenObjects, shown: VideoSource | None, total: _Tally
    ) -> Entry:
        """Writes one video; returns its entry in the manifest."""
        counts = FrameCounts()
        kept = self._kept(counted(video.frames(), planned_video.entry.name, video.info.frame_count), counts)
        with self.format.video(planned_video, video) as sink:
            if shown is not None and self.format.traits.every_frame:
                self._put_every(kept, video, shown, sink, counts)
            else:
                self._put_kept(kept, video, shown, sink, counts)
        total.frames.add(counts)
        return video_entry(planned_video, video, counts, has_pictures=shown is not None)

    def _pictures(self, planned_video: PlannedVideo, video: DatasetVideo, stack: ExitStack) -> VideoSource | None:
        """The video's frames, opened, if this export has pictures."""
        need = self.format.traits.pictures
        if need is Pictures.NEVER or (need is Pictures.OPTIONAL and self.pictures is False):
            return None
        is_needed = need is Pictures.NEEDED or bool(self.pictures)
        try:
            opening = video.pictures()
        except PicturesGone as error:
            if is_needed:
                raise InvalidInput(f"{planned_video.entry.name}: {error}; name it with --video") from error
            return None
        except MediaUnreachable as error:
            way_out = "; --no-images exports without the frames" if need is Pictures.OPTIONAL else ""
            raise MediaUnreachable(f"{planned_video.entry.name}: {error}{way_out}") from error
        if opening is None:
            if is_needed:
                raise InvalidInput(
                    f"{planned_video.entry.name}: {self.format.traits.name} shows the video's frames, and they are not "
                    "at hand; name the video file, or the folder it is in, with --video"
                )
            return None
        shown = stack.enter_context(opening)
        _require_same(planned_video.entry.name, shown.info, video.info)
        return shown

    def _put_kept(
        self,
        kept: Iterator[DatasetFrame],
        video: DatasetVideo,
        shown: VideoSource | None,
        sink: FrameSink,
        counts: FrameCounts,
    ) -> None:
        for frame in kept:
            index = frame.frame_index
            sink.put(frame, None if shown is None else Picture(shown.frame(index), _time_s(shown, video, index)))
            counts.mark(frame, shown)

    def _put_every(
        self,
        kept: Iterator[DatasetFrame],
        video: DatasetVideo,
        shown: VideoSource,
        sink: FrameSink,
        counts: FrameCounts,
    ) -> None:
        waiting = next(kept, None)
        for index, pixels in shown.frames(FrameRange(FrameIndex(0), FrameIndex(shown.info.frame_count))):
            picture = Picture(pixels, _time_s(shown, video, index))
            if waiting is not None and waiting.frame_index == index:
                sink.put(waiting, picture)
                counts.mark(waiting, shown)
                waiting = next(kept, None)
            else:
                sink.put(DatasetFrame(index, ()), picture)

    def _kept(self, frames: Iterable[DatasetFrame], counts: FrameCounts) -> Iterator[DatasetFrame]:
        takes_boxes = self.format.traits.takes_boxes
        for frame in frames:
            counts.offered += 1
            if not self.choice.keeps(frame):
                continue
            if not takes_boxes:
                self._require_masks(frame)
            counts.kept += 1
            counts.masks += len(frame.present)
            yield frame

    def _require_masks(self, frame: DatasetFrame) -> None:
        for shown in frame.present:
            if shown.mask is None:
                raise InvalidInput(
                    f"{shown.item.label!r} has a box and no mask on frame {frame.frame_index}, and "
                    f"{self.format.traits.name} is made of masks; export to mot, yolo, coco, boxes-csv or labelstudio, "
                    "or export the masks behind the boxes with run:PROJECT/TASK as the source"
                )

    def _now(self) -> str:
        return datetime.fromtimestamp(self.now_s(), UTC).isoformat(timespec="seconds")

    def _about(self, total: _Tally) -> dict[str, object]:
        traits = self.format.traits
        return {
            "masklet": self.version,
            "format": {"name": traits.name, "version": traits.version, "overlaps": traits.overlaps},
            "frames": {"choice": str(self.choice), "offered": total.frames.offered, "kept": total.frames.kept},
            "masks": total.frames.masks,
            "verdicts": {
                "choice": str(self.verdicts),
                "objects_offered": total.objects,
                "objects_left_out": dict(total.left_out),
            },
            "not_exported": dict(total.not_exported),
            "source": dict(self.source.record),
        }

    def _nothing(self, total: _Tally) -> str:
        offered = total.frames.offered
        if total.objects == total.left_out.total() > 0:
            return (
                f"there is nothing to export: no object has the verdict {self.verdicts} "
                f"({counts_text(total.left_out)}); widen --verdict"
            )
        if self.choice.keep is Keep.ALL or not offered:
            drawn = f"; not exported: {kinds_text(total.not_exported)}" if total.not_exported else ""
            return f"there is nothing to export: the source says nothing about any frame{drawn}"
        why = "was approved by a person" if self.choice.keep is Keep.HUMAN else "is certain enough"
        return f"there is nothing to export: of {offered} frames none {why}; widen --frames {self.choice}"


def _time_s(shown: VideoSource, video: DatasetVideo, index: FrameIndex) -> float:
    """A frame's presentation time in seconds; for pages, from the frame rate of their task."""
    if shown.info.frame_rate != video.info.frame_rate:
        return float(index / video.info.frame_rate)
    return shown.timestamps_s[index]


def _require_same(name: str, shown: VideoInfo, labelled: VideoInfo) -> None:
    """Raises MediaError if the pictures do not fit the labelled video in size or frame count."""
    if shown.size != labelled.size:
        raise MediaError(
            f"{name}: the video has {shown.size.width}x{shown.size.height} pixels and its masks "
            f"{labelled.size.width}x{labelled.size.height}; name the video that was labelled"
        )
    if shown.frame_count < labelled.frame_count:
        raise MediaError(
            f"{name}: the video has {shown.frame_count} frames and its masks are for {labelled.frame_count}; "
            "name the video that was labelled"
        )
