"""SA-V: separate masks per object, which may overlap; as PNG folders and as masklet JSON.

    Annotations/<video>/000/00000.png   0 and 255; one folder per object, numbered from 000
    <video>_manual.json                 masklets with a drawn or prompted frame, all frames
    <video>_auto.json                   masklets without one
    JPEGImages/<video>/00000.jpg        the kept frames, if the video is available
    videos.txt                          the videos, one per line

In the JSON the list `masklet` has an entry for every frame of the video (SA-V's own files have one for every fourth).
null means that the object is not labelled on that frame, an empty mask that it is absent. `masklet_edited_frame_count`
counts the kept frames that a person drew or prompted; `masklet_number`, `masklet_object` and `masklet_label` are fields
of Masklet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from backend.adapters.formats.davis import frame_digits
from backend.adapters.formats.shared.images import jpeg, mask_png
from backend.adapters.formats.shared.json_lists import SpooledJsonLists, json_bytes, list_pieces
from backend.adapters.formats.shared.masks import CocoRle, coco_rle
from backend.application.ports.datasets import (
    DatasetVideo,
    FormatTraits,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.codecs.coco_rle import area_px, decode_checked, encode_mask
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import FrameSize

TRAITS = FormatTraits("sav", 1, "kept: every object has masks of its own", Pictures.OPTIONAL)
SMALL_PX, MEDIUM_PX = 32**2, 96**2


class SavFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._videos: list[str] = []

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Video]:
        with SpooledJsonLists(self._target) as spool:
            sink = _Video(self._target, planned.folder, video, spool)
            yield sink
            sink.finish()
        self._videos.append(planned.folder)

    def finish(self) -> ManifestEntry:
        self._target.write("videos.txt", "".join(f"{name}\n" for name in self._videos).encode())
        return {"annotated_every": 1}


@dataclass(slots=True)
class _Masklet:
    """Statistics of one masklet for the JSON. area_px: the sum over the frames where it is present."""

    item: DatasetObject
    frames: int = 0
    present: int = 0
    area_px: int = 0
    edited: int = 0
    changes: int = 0
    first: int | None = None
    visible: bool = False

    def add(self, shown: LabelledMask, frame_index: int) -> None:
        self.frames += 1
        self.edited += shown.origin.is_by_person
        if shown.mask is not None:
            self.present += 1
            self.area_px += area_px(shown.mask)
            self.first = frame_index if self.first is None else self.first
        if self.first is not None:
            self.changes += shown.is_present is not self.visible and frame_index != self.first
            self.visible = shown.is_present

    @property
    def kind(self) -> str:
        return "manual" if self.edited else "auto"

    @property
    def mean_area_px(self) -> float:
        return self.area_px / self.present if self.present else 0.0


class _Video:
    """Writes the PNGs at once and spools the masks: a masklet's kind, manual or auto, is known after its last frame."""

    def __init__(self, target: Target, folder: str, video: DatasetVideo, spool: SpooledJsonLists) -> None:
        self._target = target
        self._folder = folder
        self._info = video.info
        self._digits = frame_digits(video)
        self._masklets = {item.number: _Masklet(item) for item in video.objects}
        self._spool = spool
        self._rows: dict[int, int] = {}
        self._empty = encode_mask(np.zeros((video.info.size.height, video.info.size.width), np.bool_))

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        name = f"{frame.frame_index:0{self._digits}d}"
        row: dict[str, CocoRle] = {}
        for shown in frame.objects:
            self._masklets[shown.item.number].add(shown, frame.frame_index)
            mask = self._empty if shown.mask is None else shown.mask
            row[str(shown.item.number)] = coco_rle(mask)
            path = f"Annotations/{self._folder}/{shown.item.number - 1:03d}/{name}.png"
            self._target.write(path, mask_png(decode_checked(mask)))
        self._rows[frame.frame_index] = self._spool.put(row)
        if picture is not None:
            self._target.write(f"JPEGImages/{self._folder}/{name}.jpg", jpeg(picture.pixels))

    def finish(self) -> None:
        labelled = [masklet for masklet in self._masklets.values() if masklet.frames]
        for kind in ("manual", "auto"):
            masklets = [masklet for masklet in labelled if masklet.kind == kind]
            if masklets:
                with self._target.open(f"{self._folder}_{kind}.json") as out:
                    self._write(out, masklets)

    def _write(self, out: BinaryIO, masklets: list[_Masklet]) -> None:
        fields = {**self._video_fields(), **_masklet_fields(masklets, self._info.size)}
        out.write(json_bytes(fields)[:-1] + b',"masklet":')
        out.writelines(list_pieces(self._row(index, masklets) for index in range(self._info.frame_count)))
        out.write(b"}\n")

    def _row(self, frame_index: int, masklets: list[_Masklet]) -> list[object]:
        offset = self._rows.get(frame_index)
        row = {} if offset is None else self._spool.take(offset)
        return [row.get(str(masklet.item.number)) for masklet in masklets]

    def _video_fields(self) -> dict[str, object]:
        info = self._info
        return {
            "video_id": self._folder,
            "video_duration": float(info.frame_count / info.frame_rate),
            "video_frame_count": float(info.frame_count),
            "video_height": float(info.size.height),
            "video_width": float(info.size.width),
            "video_resolution": float(info.size.pixels),
            "video_environment": [],
            "video_split": "",
        }


def _masklet_fields(masklets: list[_Masklet], size: FrameSize) -> dict[str, object]:
    return {
        "masklet_id": list(range(len(masklets))),
        "masklet_size_rel": [masklet.mean_area_px / size.pixels for masklet in masklets],
        "masklet_size_abs": [masklet.mean_area_px for masklet in masklets],
        "masklet_size_bucket": [_bucket(masklet.mean_area_px) for masklet in masklets],
        "masklet_visibility_changes": [masklet.changes for masklet in masklets],
        "masklet_first_appeared_frame": [masklet.first for masklet in masklets],
        "masklet_frame_count": [masklet.frames for masklet in masklets],
        "masklet_edited_frame_count": [masklet.edited for masklet in masklets],
        "masklet_type": [masklet.kind for masklet in masklets],
        "masklet_stability_score": [None] * len(masklets),
        "masklet_num": len(masklets),
        "masklet_number": [masklet.item.number for masklet in masklets],
        "masklet_object": [str(masklet.item.object_id) for masklet in masklets],
        "masklet_label": [masklet.item.label for masklet in masklets],
    }


def _bucket(area_px: float) -> str:
    return "small" if area_px < SMALL_PX else "medium" if area_px < MEDIUM_PX else "large"
