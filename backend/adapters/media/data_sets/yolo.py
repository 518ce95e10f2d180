"""Boxes and polygons of the first labelled frame of YOLO files.

Files are STEM/N.txt or STEM_N.txt, at any depth, N being the 0-based frame. Names of classes are in a data.yaml,
classes.txt or obj.names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from backend.adapters.media.data_sets.common import (
    PLAIN_NAMES,
    UNNAMED,
    ReadObject,
    class_name,
    finite,
    names_in,
    relative_box,
    rows,
    whole,
)
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, FrameSize

BOX_CELLS = (5, 6)
"""class, centre x, centre y, width, height, and maybe a confidence."""

POLYGON_CELLS = 7
"""class and three corners."""

FILE = re.compile(r"(?:(.*)_)?(\d+)")
FOLDERS = frozenset(("labels", "train", "val", "valid", "test", "obj_train_data", "obj_valid_data", "obj_test_data"))
"""Folders that name no video."""


def yolo_objects(where: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """Lines of class, x, y, width, height, or class and a polygon's corners; relative. size: of the polygons' masks.

    Raises PromptError naming the line.
    """
    files = _files(where).get(name, {})
    names = _names(where)
    for frame in sorted(files):
        lines = list(rows(files[frame], None))
        if lines:
            return [_object(place, cells, (frame, number), names, size) for number, (place, cells) in enumerate(lines)]
    return []


def yolo_videos(where: Path) -> Sequence[str]:
    """The videos that have label files."""
    return sorted(_files(where))


@lru_cache(maxsize=2)
def _files(where: Path) -> dict[str, dict[int, Path]]:
    """The label files by video and frame."""
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(where.rglob("*.txt")):
        parts = FILE.fullmatch(path.stem)
        if parts is None:
            continue
        folder = "" if path.parent == where or path.parent.name in FOLDERS else path.parent.name
        before = parts[1] or ""
        name = (folder or UNNAMED) if before.lower() in PLAIN_NAMES else before
        found.setdefault(name, {}).setdefault(int(parts[2]), path)
    return found


def _names(where: Path) -> dict[int, str]:
    folders = (where, where.parent)
    return names_in([folder / name for folder in folders for name in ("data.yaml", "classes.txt", "obj.names")])


def _object(
    place: str, cells: list[str], key: tuple[int, int], names: Mapping[int, str], size: FrameSize
) -> ReadObject:
    label = class_name(names, whole(cells[0], place), place)
    frame, number = key
    if len(cells) in BOX_CELLS:
        x, y, width, height = (finite(cell, place) for cell in cells[1:5])
        box = relative_box(x - width / 2, y - height / 2, width, height, FrameSize(1, 1), place)
        return ReadObject(f"{number}", frame, label, box)
    if len(cells) < POLYGON_CELLS or len(cells) % 2 == 0:
        raise PromptError(
            f"{place}: a YOLO line has class, x, y, width, height, or class and x, y of three or more corners; this "
            f"has {len(cells)} cells"
        )
    mask = _filled([finite(cell, place) for cell in cells[1:]], size)
    if not mask.any():
        raise PromptError(f"{place}: the polygon lies outside of the frame")
    return ReadObject(f"{number}", frame, label, mask=mask)


def _filled(values: list[float], size: FrameSize) -> BoolMask:
    """The polygon's pixels, corners at pixel centres. values: x, y, ... relative. -> [H, W]"""
    corners = np.asarray(values, np.float64).reshape(-1, 2) * (size.width, size.height) - 0.5
    limits = 4.0 * max(size.width, size.height)
    pixels = np.zeros((size.height, size.width), np.uint8)
    cv2.fillPoly(pixels, [np.rint(np.clip(corners, -limits, limits)).astype(np.int32)], 1)
    mask: BoolMask = pixels > 0
    return mask
