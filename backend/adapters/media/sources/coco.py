"""First boxes of objects from COCO files, as prompts for a batch.

An image belongs to a video if it lies in a folder of the video's name, or has that name before a number; the number is
the 0-based frame, unless the image says frame_id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from backend.adapters.media.sources.boxes import ReadObject, finite, relative_box
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

LARGEST_FILE_BYTES = 512 * 2**20
LAST_NUMBER = re.compile(r"(\d+)\D*$")

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CocoImage:
    """size: None where the file does not say it. frame: what frame_id says, if it is there."""

    name: Path
    size: FrameSize | None
    frame: int | None

    def frame_of(self, stem: str) -> int | None:
        """Which frame of the video of that name it is; None if it is another video's."""
        if self.name.parent.name != stem and not re.fullmatch(re.escape(stem) + r"[_-]?\d+", self.name.stem):
            return None
        number = LAST_NUMBER.search(self.name.stem)
        return self.frame if self.frame is not None else int(number[1]) if number else None


@dataclass(frozen=True, slots=True)
class CocoMark:
    """key: the track, or the annotation itself where is_track is False. bbox: left, top, width, height in pixels."""

    key: str
    is_track: bool
    image: int
    label: str
    bbox: tuple[float, float, float, float]
    place: str


@dataclass(frozen=True, slots=True)
class CocoFile:
    images: Mapping[int, CocoImage]
    marks: tuple[CocoMark, ...]


def coco_boxes(path: Path, stem: str, size: FrameSize) -> list[ReadObject]:
    """Objects with a track_id (or instance_id) where they appear first; others on the first frame that has any.

    Raises PromptError naming the annotation.
    """
    file = read_coco(path)
    frames = {number: frame for number, image in file.images.items() if (frame := image.frame_of(stem)) is not None}
    marks = sorted((mark for mark in file.marks if mark.image in frames), key=lambda mark: frames[mark.image])
    first: dict[str, ReadObject] = {}
    for mark in marks:
        frame = frames[mark.image]
        if mark.key in first or (not mark.is_track and frame != frames[marks[0].image]):
            continue
        box = relative_box(*mark.bbox, file.images[mark.image].size or size, mark.place)
        first[mark.key] = ReadObject(mark.key, frame, mark.label, box)
    return list(first.values())


@lru_cache(maxsize=2)
def read_coco(path: Path) -> CocoFile:
    """Raises PromptError naming the file and the entry."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise PromptError(f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PromptError(f"{path} is not JSON: {error}") from error
    labels = {_whole(c.get("id"), place): str(c.get("name")) for place, c in _entries(path, document, "categories")}
    images = {_whole(i.get("id"), place): _image(i, place) for place, i in _entries(path, document, "images")}
    marks = tuple(_mark(a, place, labels) for place, a in _entries(path, document, "annotations"))
    return CocoFile(images, marks)


def _entries(path: Path, document: object, name: str) -> Iterator[tuple[str, Entry]]:
    listed = document.get(name) if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise PromptError(f"{path} is no COCO file: it has no list {name!r}")
    for position, entry in enumerate(listed):
        place = f"{path}, {name}[{position}]"
        if not isinstance(entry, dict):
            raise PromptError(f"{place} must be an object")
        yield place, entry


def _image(entry: Entry, place: str) -> CocoImage:
    width, height, frame = entry.get("width"), entry.get("height"), entry.get("frame_id")
    size = FrameSize(_whole(width, place), _whole(height, place)) if width and height else None
    return CocoImage(Path(str(entry.get("file_name", ""))), size, None if frame is None else _whole(frame, place))


def _mark(entry: Entry, place: str, labels: Mapping[int, str]) -> CocoMark:
    track = entry.get("track_id", entry.get("instance_id"))
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise PromptError(f"{place}: bbox must be [left, top, width, height] in pixels")
    left, top, width, height = (finite(value, place) for value in bbox)
    label = labels.get(_whole(entry.get("category_id", -1), place), "")
    key = f"annotation {entry.get('id')}" if track is None else f"track {track}"
    image = _whole(entry.get("image_id"), place)
    return CocoMark(key, track is not None, image, label, (left, top, width, height), place)


def _whole(value: object, place: str) -> int:
    return int(finite(value, place))
