"""Boxes as one table for spreadsheets and statistics, one row per object and frame.

    boxes.csv    video, frame (from 0), time_s, number, object, label, x, y, width, height (pixels from 0), area,
                 origin, approved, uncertainty

time_s is the frame index divided by the average rate. area is the mask's area in pixels, empty for boxes without masks.
uncertainty is empty where there is no estimate. Frames without objects have no row.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.adapters.formats.shared.masks import pixel_box
from backend.application.ports.datasets import DatasetVideo, FormatTraits, ManifestEntry, Picture, PlannedVideo, Target
from backend.codecs.coco_rle import area_px
from backend.domain.datasets import DatasetFrame, LabelledMask

TRAITS = FormatTraits("boxes-csv", 1, "kept: boxes may overlap", takes_boxes=True)
HEADER = "video frame time_s number object label x y width height area origin approved uncertainty"


class BoxesCsvFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._rows = target.spool()
        self._write(HEADER.split())

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[BoxesCsvFormat]:
        self._name = planned.folder
        self._info = video.info
        yield self

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        for shown in frame.present:
            self._write(self._row(frame, shown))

    def _row(self, frame: DatasetFrame, shown: LabelledMask) -> list[object]:
        box = pixel_box(shown, self._info.size)
        return [
            self._name,
            int(frame.frame_index),
            round(float(frame.frame_index / self._info.frame_rate), 6),
            shown.item.number,
            shown.item.object_id,
            shown.item.label,
            box.x,
            box.y,
            box.width,
            box.height,
            "" if shown.mask is None else area_px(shown.mask),
            shown.origin.value,
            int(shown.approved),
            "" if shown.uncertainty is None else round(shown.uncertainty, 6),
        ]

    def _write(self, values: Sequence[object]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        self._rows.write(text.getvalue().encode("utf-8", "replace"))

    def finish(self) -> ManifestEntry:
        self._rows.seek(0)
        with self._target.open("boxes.csv") as out:
            shutil.copyfileobj(self._rows, out)
        self._rows.close()
        return {}
