"""Stored masks without conversion or loss: one JSON per video, COCO run lengths by frame.

    <video>.json    {"video", "width", "height", "frame_count", "frame_rate", "objects": [{"number", "id", "label"}],
                    "frames": [{"frame", "objects": [{"number", "segmentation", "origin", "approved",
                    "uncertainty"}]}]}

frame counts from 0. An object that is known to be absent from a frame has a segmentation of null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.adapters.formats.shared.json_lists import SpooledJsonList, write_object
from backend.adapters.formats.shared.masks import coco_rle
from backend.application.ports.datasets import DatasetVideo, FormatTraits, ManifestEntry, Picture, PlannedVideo, Target
from backend.domain.datasets import DatasetFrame, LabelledMask

TRAITS = FormatTraits("coco-rle", 1, "kept: every object has masks of its own")


class CocoRleFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Video]:
        info = video.info
        head: dict[str, object] = {
            "video": planned.entry.name,
            "width": info.size.width,
            "height": info.size.height,
            "frame_count": info.frame_count,
            "frame_rate": float(info.frame_rate),
            "objects": [{"number": w.number, "id": str(w.object_id), "label": w.label} for w in video.objects],
        }
        with SpooledJsonList(self._target) as frames:
            yield _Video(frames)
            with self._target.open(f"{planned.folder}.json") as out:
                write_object(out, head, {"frames": frames})

    def finish(self) -> ManifestEntry:
        return {}


class _Video:
    def __init__(self, frames: SpooledJsonList) -> None:
        self._frames = frames

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        objects = [_record(shown) for shown in frame.objects]
        self._frames.add({"frame": int(frame.frame_index), "objects": objects})


def _record(shown: LabelledMask) -> dict[str, object]:
    return {
        "number": shown.item.number,
        "segmentation": None if shown.mask is None else coco_rle(shown.mask),
        "origin": shown.origin.value,
        "approved": shown.approved,
        "uncertainty": shown.uncertainty,
    }
