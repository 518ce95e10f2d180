"""First boxes of MOTChallenge files, and first masks of MOTS files.

The names of their classes are in a labels.txt beside the file or in the folder given: line n names class n. Pixels
count from 0, as most tools write them, or from `firstPixel` of the video's seqinfo.ini, which Masklet's export writes.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.adapters.media.data_sets.common import (
    UNNAMED,
    ReadObject,
    class_name,
    finite,
    from_one,
    names_in,
    relative_box,
    rows,
    whole,
)
from backend.adapters.media.data_sets.segmentations import mask_of_rle
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

LISTS = frozenset(("labels", "classes", "seqmap", "videos"))
"""Text files beside those of videos."""


def mot_boxes(where: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """From lines of frame, id, left, top, width, height and maybe confidence, class; 1-based frames, pixels.

    Raises PromptError naming the line.
    """
    path = _file_of(where, name)
    names, first_pixel = _names(where, path), _first_pixel(path)
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
            box = relative_box(left - first_pixel, top - first_pixel, width, height, size, place)
            first[key] = ReadObject(key, int(frame) - 1, _label(cells, names, place), box)
    return list(first.values())


def mots_masks(where: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """From lines of frame, id, class, height, width, run lengths; 0-based frames.

    Raises PromptError naming the line.
    """
    path = _file_of(where, name)
    names = _names(where, path)
    first: dict[str, tuple[int, str, list[str]]] = {}
    for place, cells in rows(path, None):
        if len(cells) != 6:
            raise PromptError(
                f"{place}: a MOTS line has frame, id, class, height, width, run lengths; this has {len(cells)} cells"
            )
        frame = whole(cells[0], place)
        if cells[1] not in first or frame < first[cells[1]][0]:
            first[cells[1]] = frame, place, cells
    return [
        ReadObject(
            key,
            frame,
            class_name(names, whole(cells[2], place), place),
            mask=mask_of_rle(cells[3], cells[4], cells[5], size, place),
        )
        for key, (frame, place, cells) in first.items()
    ]


def sequence_names(where: Path) -> Sequence[str]:
    """The videos that a file or folder has lines for."""
    if where.is_file():
        parent = where.parent.parent if where.parent.name in ("gt", "det") else where.parent
        return [parent.name if where.stem in ("gt", "det") else where.stem, UNNAMED]
    found = [path.stem for path in where.glob("*.txt") if path.stem not in (*LISTS, "gt")]
    found += [folder.name for folder in where.iterdir() if folder.is_dir() and folder.name != "gt" and _gt_in(folder)]
    return [*sorted(set(found)), *([where.name, UNNAMED] if _gt_in(where) else [])]


def _file_of(where: Path, name: str) -> Path:
    if where.is_file():
        return where
    listed = where / f"{name}.txt"
    return listed if name and listed.is_file() else _gt_in(where / name) or _gt_in(where) or where


def _gt_in(folder: Path) -> Path | None:
    return next((path for path in (folder / "gt" / "gt.txt", folder / "gt.txt") if path.is_file()), None)


def _names(where: Path, path: Path) -> dict[int, str]:
    folders = (path.parent, path.parent.parent, where)
    return from_one(names_in([folder / "labels.txt" for folder in folders]))


def _label(cells: list[str], names: Mapping[int, str], place: str) -> str:
    number = whole(cells[7], place) if len(cells) > 7 and cells[7].strip() else -1
    return "" if number < 0 else class_name(names, number, place)


def _first_pixel(path: Path) -> int:
    for folder in (path.parent, path.parent.parent):
        info = folder / "seqinfo.ini"
        if info.is_file():
            parser = configparser.ConfigParser(interpolation=None)
            try:
                parser.read_string(info.read_text(encoding="utf-8-sig"))
                return parser.getint("Sequence", "firstPixel", fallback=0)
            except (configparser.Error, ValueError, OSError) as error:
                raise PromptError(f"{info} cannot be read: {error}") from error
    return 0
