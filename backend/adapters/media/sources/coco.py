"""First boxes of objects from COCO files, as prompts for a batch.

An image belongs to a video if its folder has the video's name, or if its own name is the video's name and a number. The
number is the 0-based frame, unless the image has a frame_id.
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
    """size: None if the file has none. frame: the frame_id; None without one."""

    name: Path
    size: FrameSize | None
    frame: int | None

    def frame_of(self, stem: str) -> int | None:
        """Its frame in the video of that name; None if it belongs to another video."""
        if self.name.parent.name != stem and not re.fullmatch(re.escape(stem) + r"[_-]?\d+", self.name.stem):
            return None
        number = LAST_NUMBER.search(self.name.stem)
        return self.frame if self.frame is not None else int(number[1]) if number else None


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
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
    annotations: tuple[CocoAnnotation, ...]


def coco_boxes(path: Path, stem: str, size: FrameSize) -> list[ReadObject]:
    """First boxes of objects with a track_id (or instance_id); objects without one: on the first annotated frame.

    Raises PromptError naming the annotation.
    """
    file = read_coco(path)
    frames = {number: frame for number, image in file.images.items() if (frame := image.frame_of(stem)) is not None}
    annotations = sorted((a for a in file.annotations if a.image in frames), key=lambda a: frames[a.image])
    first: dict[str, ReadObject] = {}
    for annotation in annotations:
        frame = frames[annotation.image]
        if annotation.key in first or (not annotation.is_track and frame != frames[annotations[0].image]):
            continue
        box = relative_box(*annotation.bbox, file.images[annotation.image].size or size, annotation.place)
        first[annotation.key] = ReadObject(annotation.key, frame, annotation.label, box)
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
    annotations = tuple(_annotation(a, place, labels) for place, a in _entries(path, document, "annotations"))
    return CocoFile(images, annotations)


def _entries(path: Path, document: object, name: str) -> Iterator[tuple[str, Entry]]:
    listed = document.get(name) if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise PromptError(f"{path} is not a COCO file: it has no list {name!r}")
    for position, entry in enumerate(listed):
        place = f"{path}, {name}[{position}]"
        if not isinstance(entry, dict):
            raise PromptError(f"{place} must be an object")
        yield place, entry


def _image(entry: Entry, place: str) -> CocoImage:
    width, height, frame = entry.get("width"), entry.get("height"), entry.get("frame_id")
    size = FrameSize(_whole(width, place), _whole(height, place)) if width and height else None
    return CocoImage(Path(str(entry.get("file_name", ""))), size, None if frame is None else _whole(frame, place))


def _annotation(entry: Entry, place: str, labels: Mapping[int, str]) -> CocoAnnotation:
    track = entry.get("track_id", entry.get("instance_id"))
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise PromptError(f"{place}: bbox must be [left, top, width, height] in pixels")
    left, top, width, height = (finite(value, place) for value in bbox)
    label = labels.get(_whole(entry.get("category_id", -1), place), "")
    key = f"annotation {entry.get('id')}" if track is None else f"track {track}"
    image = _whole(entry.get("image_id"), place)
    return CocoAnnotation(key, track is not None, image, label, (left, top, width, height), place)


def _whole(value: object, place: str) -> int:
    return int(finite(value, place))
