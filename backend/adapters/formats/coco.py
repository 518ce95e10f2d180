"""COCO: an image per kept frame, an annotation per object on it with its masklet's number as track id.

    annotations.json              images, annotations, categories, videos
    images/<video>/000000.jpg     the kept frames, if the video is available

`track_id` is unique in the whole file; `object` and `number` are the object's id and number in its video. An object
with a box and no mask gets an annotation without segmentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.adapters.formats.shared.images import jpeg
from backend.adapters.formats.shared.json_lists import SpooledJsonList, write_object
from backend.adapters.formats.shared.labels import NO_CLASSES, KnownClasses, LabelNumbers
from backend.adapters.formats.shared.masks import coco_rle, pixel_box
from backend.application.ports.datasets import (
    DatasetVideo,
    FormatTraits,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.codecs.coco_rle import area_px
from backend.domain.datasets import DatasetFrame, LabelledMask

TRAITS = FormatTraits("coco", 1, "kept: every object is an annotation of its own", Pictures.OPTIONAL, takes_boxes=True)


class CocoFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def __init__(self, known: KnownClasses = NO_CLASSES) -> None:
        self._known = known

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._labels = LabelNumbers(known=self._known)
        self._images = SpooledJsonList(target)
        self._annotations = SpooledJsonList(target)
        self._videos: list[dict[str, object]] = []
        self._tracks = 0

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[CocoFormat]:
        self._folder = planned.folder
        self._size = video.info.size
        self._videos.append({"id": len(self._videos) + 1, "name": planned.entry.name})
        self._track_ids = {item: self._tracks + item.number for item in video.objects}
        yield self
        self._tracks += max((item.number for item in video.objects), default=0)

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        image_id = len(self._images) + 1
        name = f"{self._folder}/{frame.frame_index:06d}.jpg"
        image = {
            "id": image_id,
            "file_name": name,
            "width": self._size.width,
            "height": self._size.height,
            "video_id": len(self._videos),
            "frame_index": int(frame.frame_index),
        }
        self._images.add(image)
        if picture is not None:
            self._target.write(f"images/{name}", jpeg(picture.pixels))
        for shown in frame.present:
            self._annotations.add(self._annotation(shown, image_id))

    def _annotation(self, shown: LabelledMask, image_id: int) -> dict[str, object]:
        box = pixel_box(shown, self._size)
        return {
            "id": len(self._annotations) + 1,
            "image_id": image_id,
            "category_id": self._labels.of(shown.item.label),
            "track_id": self._track_ids[shown.item],
            "number": shown.item.number,
            "object": str(shown.item.object_id),
            "segmentation": [] if shown.mask is None else coco_rle(shown.mask),
            "area": box.width * box.height if shown.mask is None else area_px(shown.mask),
            "bbox": [box.x, box.y, box.width, box.height],
            "iscrowd": 0,
            "approved": shown.approved,
            "uncertainty": shown.uncertainty,
        }

    def finish(self) -> ManifestEntry:
        head: dict[str, object] = {"categories": self._labels.categories(), "videos": self._videos}
        with self._target.open("annotations.json") as out:
            write_object(out, head, {"images": self._images, "annotations": self._annotations})
        self._images.close()
        self._annotations.close()
        return self._labels.notes()
