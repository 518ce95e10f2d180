"""YouTube-VIS: one JSON whose annotations are whole masklets, a mask or null for every kept frame.

    instances.json                  videos, categories, annotations
    JPEGImages/<video>/00000.jpg    the kept frames, if the video is available

The lists `file_names`, `segmentations`, `bboxes` and `areas` have one entry for each *kept* frame, in order;
`frame_indices` of a video lists these frames.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.adapters.formats.davis import frame_digits
from backend.adapters.formats.shared.images import jpeg
from backend.adapters.formats.shared.json_lists import (
    SpooledJsonList,
    SpooledJsonLists,
    json_bytes,
    list_pieces,
    write_object,
)
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
from backend.domain.datasets import DatasetFrame, DatasetObject

TRAITS = FormatTraits("youtubevis", 1, "kept: every object has masks of its own", Pictures.OPTIONAL)
ABSENT = -1


class YoutubeVisFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def __init__(self, known: KnownClasses = NO_CLASSES) -> None:
        self._known = known

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._labels = LabelNumbers(known=self._known)
        self._videos = SpooledJsonList(target)
        self._annotations = SpooledJsonList(target)

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Video]:
        with SpooledJsonLists(self._target) as spool:
            sink = _Video(self._target, planned.folder, video, spool)
            yield sink
            video_id = len(self._videos) + 1
            self._videos.add_pieces(sink.video_pieces({"id": video_id, "name": planned.entry.name}))
            for item in video.objects:
                if sink.has(item):
                    self._annotations.add_pieces(sink.annotation(item, self._head(item, video_id)))

    def _head(self, item: DatasetObject, video_id: int) -> dict[str, object]:
        return {
            "id": len(self._annotations) + 1,
            "video_id": video_id,
            "category_id": self._labels.of(item.label),
            "iscrowd": 0,
            "track_id": item.number,
            "object": str(item.object_id),
        }

    def finish(self) -> ManifestEntry:
        head: dict[str, object] = {"categories": self._labels.categories()}
        with self._target.open("instances.json") as out:
            write_object(out, head, {"videos": self._videos, "annotations": self._annotations})
        self._videos.close()
        self._annotations.close()
        return self._labels.notes()


class _Video:
    """Spools masks frame by frame; reads them back object by object."""

    def __init__(self, target: Target, folder: str, video: DatasetVideo, spool: SpooledJsonLists) -> None:
        self._target = target
        self._folder = folder
        self._size = video.info.size
        self._digits = frame_digits(video)
        self._spool = spool
        self._indices = array("q")
        self._offsets = {item.number: array("q") for item in video.objects}

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        self._indices.append(frame.frame_index)
        if picture is not None:
            self._target.write(f"JPEGImages/{self._file_name(frame.frame_index)}", jpeg(picture.pixels))
        for offsets in self._offsets.values():
            offsets.append(ABSENT)
        for shown in frame.present:
            assert shown.mask is not None, "the use case lets masks through only"
            box = pixel_box(shown, self._size)
            values = (coco_rle(shown.mask), [box.x, box.y, box.width, box.height], area_px(shown.mask))
            self._offsets[shown.item.number][-1] = self._spool.put(values)

    def has(self, item: DatasetObject) -> bool:
        return any(offset != ABSENT for offset in self._offsets[item.number])

    def video_pieces(self, head: dict[str, object]) -> Iterator[bytes]:
        fields = {**head, "width": self._size.width, "height": self._size.height, "length": len(self._indices)}
        yield json_bytes(fields)[:-1] + b',"file_names":'
        yield from list_pieces(self._file_name(index) for index in self._indices)
        yield b',"frame_indices":'
        yield from list_pieces(self._indices)
        yield b"}"

    def annotation(self, item: DatasetObject, head: dict[str, object]) -> Iterator[bytes]:
        yield json_bytes({**head, "width": self._size.width, "height": self._size.height})[:-1]
        for position, name in enumerate((b"segmentations", b"bboxes", b"areas")):
            yield b',"' + name + b'":'
            yield from list_pieces(self._values(item, position))
        yield b"}"

    def _values(self, item: DatasetObject, position: int) -> Iterator[object]:
        for offset in self._offsets[item.number]:
            yield None if offset == ABSENT else self._spool.take(offset)[position]

    def _file_name(self, frame_index: int) -> str:
        return f"{self._folder}/{frame_index:0{self._digits}d}.jpg"
