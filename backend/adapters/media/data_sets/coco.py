"""First masks and boxes of objects from COCO files.

A segmentation, run lengths or polygons, is read as a mask; an upright rectangle as a box, because tools write one for a
box. An annotation without a segmentation has its bbox.

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
    size_of,
    whole,
)
from backend.adapters.media.data_sets.segmentations import is_rectangle, mask_of, polygons_of
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
    """key: the track, or the annotation itself where is_track is False. bbox: left, top, width, height in pixels.

    segmentation: not read yet; empty without one.
    """

    key: str
    is_track: bool
    image: int
    label: str
    bbox: object
    segmentation: object
    place: str


@dataclass(frozen=True, slots=True)
class CocoFile:
    images: Mapping[int, CocoImage]
    annotations: tuple[CocoAnnotation, ...]


def coco_objects(path: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """First masks or boxes of objects with a track_id (or instance_id); without one: on the first annotated frame.

    Raises PromptError naming the annotation.
    """
    file = read_coco(path)
    frames = {number: image.frame for number, image in file.images.items() if name in image.videos}
    annotations = sorted((a for a in file.annotations if a.image in frames), key=lambda a: frames[a.image])
    first: dict[str, ReadObject] = {}
    first_frame: int | None = None
    for annotation in annotations:
        frame = frames[annotation.image]
        if annotation.key in first or (not annotation.is_track and first_frame not in (None, frame)):
            continue
        found = _object(annotation, frame, file.images[annotation.image].size or size, size)
        if found is not None:
            first[annotation.key] = found
            first_frame = frame if first_frame is None else first_frame
    return list(first.values())


def _object(annotation: CocoAnnotation, frame: int, own: FrameSize, size: FrameSize) -> ReadObject | None:
    """None for a mask without a pixel: the object is absent. own: the image's size. size: the video's."""
    key, label, place = annotation.key, annotation.label, annotation.place
    polygons = polygons_of(annotation.segmentation, place) if isinstance(annotation.segmentation, list) else []
    if annotation.segmentation and not is_rectangle(polygons):
        mask = mask_of(annotation.segmentation, own, size, f"{place}, segmentation")
        if not mask.any() and polygons:
            raise PromptError(f"{place}: the polygon has no pixel within the frame of {own.width}x{own.height}")
        return ReadObject(key, frame, label, mask=mask) if mask.any() else None
    if not isinstance(annotation.bbox, list) or len(annotation.bbox) != 4:
        raise PromptError(f"{place}: bbox must be [left, top, width, height] in pixels")
    left, top, width, height = (finite(value, place) for value in annotation.bbox)
    return ReadObject(key, frame, label, relative_box(left, top, width, height, own, place))


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
    frame = whole(given, place) if given is not None or parts is None else int(parts[2])
    return CocoImage(frozenset(found or (UNNAMED, stem)), frame, size_of(entry, place))


def _annotation(entry: Entry, place: str, labels: Mapping[int, str]) -> CocoAnnotation:
    track = entry.get("track_id", entry.get("instance_id"))
    label = class_name(labels, whole(entry.get("category_id", -1), place), place)
    key = f"annotation {entry.get('id')}" if track is None else f"track {track}"
    image = whole(entry.get("image_id"), place)
    return CocoAnnotation(key, track is not None, image, label, entry.get("bbox"), entry.get("segmentation"), place)
