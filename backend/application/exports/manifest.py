"""The manifest of an export: its file, and the entries of videos and of the objects that were left out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from backend.application.exports.chosen_objects import ChosenObjects
from backend.application.ports.datasets import PlannedVideo
from backend.application.ports.media import VideoSource, is_undecodable
from backend.domain.datasets import DatasetFrame
from backend.domain.selection import range_text

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1

Entry = dict[str, object]


@dataclass(slots=True)
class FrameCounts:
    """Counts of one video, or of all. offered: labelled frames. kept: exported ones. masks: on these.

    undecodable: of one video, the exported frames that do not decode: their masks are of an earlier picture.
    """

    offered: int = 0
    kept: int = 0
    masks: int = 0
    undecodable: list[int] = field(default_factory=list)

    def add(self, other: FrameCounts) -> None:
        self.offered += other.offered
        self.kept += other.kept
        self.masks += other.masks

    def mark(self, frame: DatasetFrame, shown: VideoSource | None) -> None:
        """Counts an exported frame that does not decode, by its masks or by its picture."""
        is_held = shown is not None and is_undecodable(shown, frame.frame_index)
        if is_held or any(each.undecodable for each in frame.objects):
            self.undecodable.append(frame.frame_index)


def manifest_body(document: Entry) -> bytes:
    """The manifest as UTF-8 JSON."""
    body = json.dumps({"manifest_version": MANIFEST_VERSION, **document}, indent=1, ensure_ascii=False)
    return (body + "\n").encode("utf-8", "replace")


def video_entry(planned: PlannedVideo, video: ChosenObjects, counts: FrameCounts, *, has_pictures: bool) -> Entry:
    """The entry of an exported video."""
    info = video.info
    return {
        "name": planned.entry.name,
        "folder": planned.folder,
        "key": planned.entry.key,
        "sha256": info.content_hash or None,
        "width": info.size.width,
        "height": info.size.height,
        "frame_count": info.frame_count,
        "frame_rate": [info.frame_rate.numerator, info.frame_rate.denominator],
        "frames_offered": counts.offered,
        "frames_kept": counts.kept,
        "masks": counts.masks,
        "undecodable": range_text(counts.undecodable),
        "pictures": has_pictures,
        "objects": [dict(each.record()) for each in video.kept],
        **_judged(video),
        "not_exported": dict(video.not_exported),
        "provenance": dict(video.provenance),
    }


def left_out_entry(planned: PlannedVideo, video: ChosenObjects) -> Entry:
    """The entry of a video of which no object was chosen."""
    return {"name": planned.entry.name, "key": planned.entry.key, **_judged(video)}


def faulty_entry(planned: PlannedVideo, error: Exception) -> Entry:
    """The entry of a video that could not be read."""
    return {"name": planned.entry.name, "key": planned.entry.key, "reason": str(error)}


def _judged(video: ChosenObjects) -> Entry:
    return {
        "objects_left_out": [dict(each.record()) for each in video.left_out],
        "verdicts": [dict(each) for each in video.verdict_records()],
    }
