"""Objects read from data sets, and the values that all readers parse.

Only the first box or mask of an object is read: the model propagates it. Boxes are relative, clipped to the frame;
frames are those of the source video, 0-based.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from backend.codecs.class_names import read_class_names
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box, FrameSize

UNNAMED = ""
"""Stands for the name of a video in a data set that is of one video and does not name it."""

LARGEST_FILE_BYTES = 512 * 2**20
FRAME_NAME = re.compile(r"(.*?)[_-]?(\d+)\D*")
PLAIN_NAMES = frozenset(("", "frame", "frames", "img", "image", "images"))
"""Names before a frame's number that name no video, as in CVAT's frame_000000.PNG."""

SAME_SHAPE = 0.02
"""The relative tolerance of a mask's aspect ratio. A mask may have another resolution than the video."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadObject:
    """The first box or mask of an object. key: unique in the file. label: the name of its class; may be empty.

    mask: [H, W] bool.
    """

    key: str
    frame: int
    label: str = ""
    box: Box | None = None
    mask: BoolMask | None = None


def class_name(names: Mapping[int, str], number: int, place: str) -> str:
    """The name of a class; without any names, one that says its number. Raises PromptError for a number without one."""
    if not names:
        return f"class {number}"
    if number not in names:
        known = ", ".join(f"{n} {name!r}" for n, name in names.items())
        raise PromptError(f"{place}: there is no class {number}; the classes are {known}")
    return names[number]


def names_in(paths: Iterator[Path] | list[Path]) -> dict[int, str]:
    """The class names of the first of these files that exists, as read_class_names; empty without any."""
    found = next((path for path in paths if path.is_file()), None)
    return {} if found is None else read_class_names(found)


def from_one(names: Mapping[int, str]) -> dict[int, str]:
    """Names of lines, numbered from 1."""
    return {number + 1: name for number, name in names.items()}


def relative_box(left: float, top: float, width: float, height: float, size: FrameSize, place: str) -> Box:
    """A box in pixels as a relative box, clipped to the frame. Raises PromptError if it is outside the frame."""
    try:
        return Box(
            min(max(left / size.width, 0.0), 1.0),
            min(max(top / size.height, 0.0), 1.0),
            min(max((left + width) / size.width, 0.0), 1.0),
            min(max((top + height) / size.height, 0.0), 1.0),
        )
    except PromptError as error:
        raise PromptError(f"{place}: {error} (the frame is {size.width}x{size.height})") from error


def require_shape(shape: FrameSize, size: FrameSize, place: str) -> None:
    """Raises PromptError for a mask of another aspect ratio than the video's."""
    if abs(shape.width * size.height - size.width * shape.height) > SAME_SHAPE * size.width * shape.height:
        raise PromptError(f"{place} is {shape.width}x{shape.height} but the video is {size.width}x{size.height}")


def rows(path: Path, separator: str | None) -> Iterator[tuple[str, list[str]]]:
    """The lines that are not empty: the place, for messages, and the cells. Raises PromptError."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}, line {number}", line.strip().split(separator)
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} is not text") from error


def read_json(path: Path) -> object:
    """Raises PromptError naming the file."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise PromptError(f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{path} is not JSON: {error}") from error


def entries(path: Path, document: object, name: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The objects of a list of a JSON file, with their places. Raises PromptError."""
    listed = document.get(name) if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise PromptError(f"{path} has no list {name!r}")
    for position, entry in enumerate(listed):
        place = f"{path}, {name}[{position}]"
        if not isinstance(entry, dict):
            raise PromptError(f"{place} must be an object")
        yield place, entry


def category_names(path: Path, document: object) -> dict[int, str]:
    """The names of the categories of a COCO or YouTube-VIS file, by id. Raises PromptError."""
    listed = entries(path, document, "categories")
    return {whole(category.get("id"), place): str(category.get("name")) for place, category in listed}


def size_of(entry: Mapping[str, object], place: str) -> FrameSize | None:
    """width and height of an entry; None without both. Raises PromptError."""
    width, height = entry.get("width"), entry.get("height")
    return FrameSize(whole(width, place), whole(height, place)) if width and height else None


def whole(value: object, place: str) -> int:
    return int(finite(value, place))


def finite(value: object, place: str) -> float:
    try:
        number = float(cast(str, value))
    except (TypeError, ValueError):
        raise PromptError(f"{place}: {str(value)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise PromptError(f"{place}: {value!r} is not a finite number")
    return number
