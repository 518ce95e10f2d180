"""First masks and boxes of YouTube-VIS files, and of Masklet's own coco-rle and boxes-csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from backend.adapters.media.data_sets.common import (
    FRAME_NAME,
    ReadObject,
    category_names,
    class_name,
    entries,
    finite,
    mask_of_rle,
    read_json,
    relative_box,
    whole,
)
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, FrameSize

Entry = Mapping[str, object]
Row = Mapping[str, str]


def youtubevis_masks(path: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """The first mask of each annotation of the video. Raises PromptError naming the entry."""
    document = _json(path)
    labels = category_names(path, document)
    frames = {number: frames for number, (names, frames) in _listed(path).items() if name in names}
    found = []
    for place, entry in entries(path, document, "annotations"):
        video = whole(entry.get("video_id"), place)
        if video not in frames:
            continue
        masks = entry.get("segmentations")
        if not isinstance(masks, list) or len(masks) > len(frames[video]):
            raise PromptError(f"{place}: segmentations must be a list with an entry for each file name of the video")
        position = next((at for at, mask in enumerate(masks) if mask), None)
        if position is not None:
            label = class_name(labels, whole(entry.get("category_id", -1), place), place)
            mask = _mask(masks[position], size, f"{place}, segmentations[{position}]")
            found.append(ReadObject(f"annotation {entry.get('id')}", frames[video][position], label, mask=mask))
    return found


def youtubevis_videos(path: Path) -> Sequence[str]:
    return sorted({name for names, _ in _listed(path).values() for name in names})


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
                mask = _mask(shown["segmentation"], size, where_in)
                label = class_name(labels, number, where_in)
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


def _listed(path: Path) -> dict[int, tuple[frozenset[str], list[int]]]:
    """The names and the frames of each video of a YouTube-VIS file."""
    found = {}
    for place, entry in entries(path, _json(path), "videos"):
        files = entry.get("file_names")
        if not isinstance(files, list) or not files:
            raise PromptError(f"{place} must have a list file_names")
        names = {str(entry.get("name", "")), Path(str(files[0])).parent.name}
        given = entry.get("frame_indices")
        frames = [whole(n, place) for n in given] if isinstance(given, list) else [_number(f, place) for f in files]
        found[whole(entry.get("id"), place)] = (frozenset(name for name in names if name), frames)
    return found


def _number(file_name: object, place: str) -> int:
    parts = FRAME_NAME.fullmatch(Path(str(file_name)).stem)
    if parts is None:
        raise PromptError(f"{place}: {file_name!r} has no frame number")
    return int(parts[2])


def _mask(segmentation: object, size: FrameSize, place: str) -> BoolMask:
    shape = segmentation.get("size") if isinstance(segmentation, dict) else None
    if not isinstance(segmentation, dict) or not isinstance(shape, list) or len(shape) != 2:
        raise PromptError(f"{place} must have size and counts")
    return mask_of_rle(shape[0], shape[1], segmentation.get("counts"), size, place)
