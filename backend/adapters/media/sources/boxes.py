"""First boxes of objects from MOT and YOLO files, as prompts for a batch.

Owns the file layouts of these formats. Only the first box of an object is read: the model propagates it. Coordinates
are relative, clipped to the frame; frames are those of the source video, 0-based.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box, FrameSize


@dataclass(frozen=True, slots=True, eq=False)
class ReadObject:
    """The first box or mask of an object. key: unique in the file. label: the name of its class; may be empty."""

    key: str
    frame: int
    label: str = ""
    box: Box | None = None
    mask: BoolMask | None = None


def mot_boxes(where: Path, stem: str, size: FrameSize) -> list[ReadObject]:
    """From a MOTChallenge file (frame, id, left, top, width, height, ...; 1-based frames, pixels).

    where: the file, or a folder with STEM.txt or STEM/gt/gt.txt. Raises PromptError naming the line.
    """
    path = _one_of(where, [f"{stem}.txt", f"{stem}/gt/gt.txt", f"{stem}/gt.txt"])
    if path is None:
        return []
    first: dict[str, ReadObject] = {}
    for place, cells in rows(path, ","):
        if len(cells) < 6:
            raise PromptError(
                f"{place}: a MOT line has frame, id, left, top, width, height; this has {len(cells)} cells"
            )
        frame, left, top, width, height = (finite(cells[i], place) for i in (0, 2, 3, 4, 5))
        if len(cells) > 6 and finite(cells[6], place) == 0:
            continue  # MOT: 0 marks a box to ignore
        key = cells[1].strip()
        if frame < 1 or frame != int(frame):
            raise PromptError(f"{place}: MOT frames are whole numbers from 1, got {cells[0]!r}")
        if key not in first or frame - 1 < first[key].frame:
            box = relative_box(left, top, width, height, size, place)
            first[key] = ReadObject(key, int(frame) - 1, box=box)
    return list(first.values())


def yolo_boxes(where: Path, stem: str) -> list[ReadObject]:
    """The boxes of the first labelled frame of YOLO files (class, centre x, centre y, width, height, relative).

    where: a folder with STEM/N.txt, STEM_N.txt, or labels/ holding those; N is the 0-based frame. Raises PromptError.
    """
    names = _yolo_names(where)
    files: dict[int, Path] = {}
    for folder in (where / stem, where / "labels" / stem, where, where / "labels"):
        prefix = "" if folder.name == stem else f"{stem}_"
        for path in folder.glob("*.txt") if folder.is_dir() else ():
            number = path.stem.removeprefix(prefix)
            if path.stem.startswith(prefix) and number.isdecimal():
                files.setdefault(int(number), path)
    for frame in sorted(files):
        lines = list(rows(files[frame], None))
        if lines:
            return [_yolo_found(place, cells, frame, number, names) for number, (place, cells) in enumerate(lines)]
    return []


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


def _yolo_found(place: str, cells: list[str], frame: int, number: int, names: Mapping[int, str]) -> ReadObject:
    if len(cells) < 5:
        raise PromptError(f"{place}: a YOLO line has class, x, y, width, height; this has {len(cells)} cells")
    x, y, width, height = (finite(cell, place) for cell in cells[1:5])
    box = relative_box(x - width / 2, y - height / 2, width, height, FrameSize(1, 1), place)
    return ReadObject(f"{number}", frame, names.get(int(finite(cells[0], place)), ""), box)


def _yolo_names(where: Path) -> dict[int, str]:
    """Class names from classes.txt, or from the plain list under `names:` of a data.yaml."""
    classes = where / "classes.txt"
    if classes.is_file():
        return dict(enumerate(line.strip() for line in classes.read_text(encoding="utf-8").splitlines()))
    data = where / "data.yaml"
    if not data.is_file():
        return {}
    found = re.findall(r"^\s+(\d+):\s*['\"]?(.+?)['\"]?\s*$", data.read_text(encoding="utf-8"), re.MULTILINE)
    return {int(number): name for number, name in found}


def rows(path: Path, separator: str | None) -> Iterator[tuple[str, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}, line {number}", line.strip().split(separator)
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} is not text") from error


def _one_of(where: Path, names: list[str]) -> Path | None:
    if where.is_file():
        return where
    return next((where / name for name in names if (where / name).is_file()), None)


def finite(value: object, place: str) -> float:
    try:
        number = float(cast(str, value))
    except (TypeError, ValueError):
        raise PromptError(f"{place}: {str(value)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise PromptError(f"{place}: {value!r} is not a finite number")
    return number
