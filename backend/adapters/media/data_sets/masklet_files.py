"""First masks and boxes of YouTube-VIS files, and of Masklet's own coco-rle and boxes-csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from backend.adapters.media.data_sets.common import (
    FRAME_NAME,
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
from backend.adapters.media.data_sets.segmentations import mask_of
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

Entry = Mapping[str, object]
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video of a YouTube-VIS file. frames: of its masks, in their order. size: None if the file has none."""

    names: frozenset[str]
    frames: list[int]
    size: FrameSize | None


def youtubevis_masks(path: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """The first mask of each annotation of the video. Raises PromptError naming the entry."""
    document = _json(path)
    labels = category_names(path, document)
    videos = {number: video for number, video in _listed(path).items() if name in video.names}
    found = []
    for place, entry in entries(path, document, "annotations"):
        video = videos.get(whole(entry.get("video_id"), place))
        if video is None:
            continue
        masks = entry.get("segmentations")
        if not isinstance(masks, list) or len(masks) > len(video.frames):
            raise PromptError(f"{place}: segmentations must be a list with an entry for each file name of the video")
        for position, segmentation in enumerate(masks):
            where = f"{place}, segmentations[{position}]"
            if segmentation and (mask := mask_of(segmentation, video.size or size, size, where)).any():
                label = class_name(labels, whole(entry.get("category_id", -1), place), place)
                found.append(ReadObject(f"annotation {entry.get('id')}", video.frames[position], label, mask=mask))
                break
    return found


def youtubevis_videos(path: Path) -> Sequence[str]:
    return sorted({name for video in _listed(path).values() for name in video.names})


def coco_rle_masks(where: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """The first mask of each object. where: the video's file, or the folder with it. Raises PromptError."""
    path = where if where.is_file() else where / f"{name}.json"
    document = _json(path)
    labels = {whole(o.get("number"), place): str(o.get("label")) for place, o in entries(path, document, "objects")}
    found: dict[int, ReadObject] = {}
    for place, frame in entries(path, document, "frames"):
        for inner, shown in entries(path, frame, "objects"):
            number = whole(shown.get("number"), inner)
            if number not in found and shown.get("segmentation"):
                where_in = f"{place}, object {number}"
                mask = mask_of(shown["segmentation"], size, size, where_in)
                label = class_name(labels, number, where_in)
                if mask.any():
                    found[number] = ReadObject(str(number), whole(frame.get("frame"), place), label, mask=mask)
    return list(found.values())


def coco_rle_videos(where: Path) -> Sequence[str]:
    files = [where] if where.is_file() else sorted(where.glob("*.json"))
    return [path.stem for path in files if path.name != "manifest.json"]


def csv_boxes(path: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """The first box of each object of a boxes.csv. Raises PromptError naming the line."""
    found: dict[str, ReadObject] = {}
    for line, row in enumerate(_rows(path), 2):
        place = f"{path}, line {line}"
        key, frame = row["number"] or "", whole(row["frame"], place)
        if row["video"] == name and (key not in found or frame < found[key].frame):
            left, top, width, height = (finite(row[side], place) for side in ("x", "y", "width", "height"))
            found[key] = ReadObject(key, frame, row["label"] or "", relative_box(left, top, width, height, size, place))
    return list(found.values())


def csv_videos(path: Path) -> Sequence[str]:
    return sorted({row["video"] for row in _rows(path)})


@lru_cache(maxsize=2)
def _rows(path: Path) -> list[Row]:
    needed = {"video", "frame", "number", "label", "x", "y", "width", "height"}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = needed - set(reader.fieldnames or ())
            if missing:
                raise PromptError(f"{path} has no column {sorted(missing)[0]!r}; a boxes.csv has {sorted(needed)}")
            return list(reader)
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PromptError(f"{path} is not a table: {error}") from error


@lru_cache(maxsize=2)
def _json(path: Path) -> object:
    return read_json(path)


def _listed(path: Path) -> dict[int, ListedVideo]:
    """The videos of a YouTube-VIS file by id."""
    found = {}
    for place, entry in entries(path, _json(path), "videos"):
        files = entry.get("file_names")
        if not isinstance(files, list) or not files:
            raise PromptError(f"{place} must have a list file_names")
        names = {str(entry.get("name", "")), Path(str(files[0])).parent.name}
        given = entry.get("frame_indices")
        frames = [whole(n, place) for n in given] if isinstance(given, list) else [_number(f, place) for f in files]
        own = frozenset(name for name in names if name)
        found[whole(entry.get("id"), place)] = ListedVideo(own, frames, size_of(entry, place))
    return found


def _number(file_name: object, place: str) -> int:
    parts = FRAME_NAME.fullmatch(Path(str(file_name)).stem)
    if parts is None:
        raise PromptError(f"{place}: {file_name!r} has no frame number")
    return int(parts[2])
