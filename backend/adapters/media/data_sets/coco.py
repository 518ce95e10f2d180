"""First boxes of objects from COCO files.

An image belongs to the video that the file names for it, that its folder has the name of, or that its own name has
before a number. The frame is frame_index or frame_id if there is one, or else that number. Images such as
frame_000000.PNG, as CVAT writes them, name no video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from backend.adapters.media.data_sets.common import (
    FRAME_NAME,
    PLAIN_NAMES,
    UNNAMED,
    ReadObject,
    category_names,
    class_name,
    entries,
    finite,
    read_json,
    relative_box,
    whole,
)
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CocoImage:
    """videos: the names of its video; UNNAMED if nothing names it. size: None if the file has none."""

    videos: frozenset[str]
    frame: int
    size: FrameSize | None


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


def coco_boxes(path: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """First boxes of objects with a track_id (or instance_id); objects without one: on the first annotated frame.

    Raises PromptError naming the annotation.
    """
    file = read_coco(path)
    frames = {number: image.frame for number, image in file.images.items() if name in image.videos}
    annotations = sorted((a for a in file.annotations if a.image in frames), key=lambda a: frames[a.image])
    first: dict[str, ReadObject] = {}
    for annotation in annotations:
        frame = frames[annotation.image]
        if annotation.key in first or (not annotation.is_track and frame != frames[annotations[0].image]):
            continue
        box = relative_box(*annotation.bbox, file.images[annotation.image].size or size, annotation.place)
        first[annotation.key] = ReadObject(annotation.key, frame, annotation.label, box)
    return list(first.values())


def coco_videos(path: Path) -> Sequence[str]:
    """The videos that images of the file belong to; the file's own name too if an image names none."""
    names = {name for image in read_coco(path).images.values() for name in image.videos}
    return sorted(names)


@lru_cache(maxsize=2)
def read_coco(path: Path) -> CocoFile:
    """Raises PromptError naming the file and the entry."""
    document = read_json(path)
    labels = category_names(path, document)
    videos = _videos(path, document)
    images = {}
    for place, entry in entries(path, document, "images"):
        image = _image(entry, videos, path.stem, place)
        if image is not None:
            images[whole(entry.get("id"), place)] = image
    annotations = tuple(_annotation(a, place, labels) for place, a in entries(path, document, "annotations"))
    return CocoFile(images, annotations)


def _videos(path: Path, document: object) -> dict[int, str]:
    if not isinstance(document, dict) or "videos" not in document:
        return {}
    return {whole(v.get("id"), place): str(v.get("name")) for place, v in entries(path, document, "videos")}


def _image(entry: Entry, videos: Mapping[int, str], stem: str, place: str) -> CocoImage | None:
    """None for an image whose frame is not known."""
    name = Path(str(entry.get("file_name", "")).replace("\\", "/"))
    parts = FRAME_NAME.fullmatch(name.stem)
    given = entry.get("frame_index", entry.get("frame_id"))
    if given is None and parts is None:
        return None
    video = entry.get("video_id")
    before = parts[1] if parts is not None else ""
    found = {each for each in (name.parent.name, before) if each.lower() not in PLAIN_NAMES}
    if video is not None and whole(video, place) in videos:
        found.add(videos[whole(video, place)])
    width, height = entry.get("width"), entry.get("height")
    size = FrameSize(whole(width, place), whole(height, place)) if width and height else None
    frame = whole(given, place) if given is not None or parts is None else int(parts[2])
    return CocoImage(frozenset(found or (UNNAMED, stem)), frame, size)


def _annotation(entry: Entry, place: str, labels: Mapping[int, str]) -> CocoAnnotation:
    track = entry.get("track_id", entry.get("instance_id"))
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise PromptError(f"{place}: bbox must be [left, top, width, height] in pixels")
    left, top, width, height = (finite(value, place) for value in bbox)
    label = class_name(labels, whole(entry.get("category_id", -1), place), place)
    key = f"annotation {entry.get('id')}" if track is None else f"track {track}"
    image = whole(entry.get("image_id"), place)
    return CocoAnnotation(key, track is not None, image, label, (left, top, width, height), place)
