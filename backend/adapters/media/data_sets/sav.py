"""First masks of masklets from the JSON files of SA-V: STEM_manual.json and STEM_auto.json.

`masklet` has a row per annotated frame, with the run lengths of each masklet: of every fourth frame in SA-V's own
files, of every frame in Masklet's export. A masklet without a mask on a frame has null or an empty mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from backend.adapters.media.data_sets.common import ReadObject, read_json, whole
from backend.adapters.media.data_sets.segmentations import mask_of
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, FrameSize

KINDS = ("manual", "auto")
EVERY = 4
"""SA-V annotates 6 of 24 frames a second."""


def sav_masks(where: Path, name: str, size: FrameSize, names: Mapping[int, str]) -> list[ReadObject]:
    """The first masks of a video's masklets. where: a file, or a folder with files. size: the video's.

    names: for masklets without a label, by number, from 1 through all files.
    Raises PromptError naming the file.
    """
    found: list[ReadObject] = []
    before = 0
    for path in _files(where, name):
        fields = _fields(path)
        rows = fields.get("masklet")
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise PromptError(f"{path} has no list 'masklet' with a list for each frame, as SA-V has")
        step, labels = _step(fields, len(rows), path), _by_position(fields)
        count = max((len(row) for row in rows), default=0)
        kind = path.stem.rpartition("_")[2]
        for position in range(count):
            first = _first(rows, position, size, path)
            if first is not None:
                label = labels.get(position) or names.get(before + position + 1, "")
                found.append(ReadObject(f"{kind} {position}", first[0] * step, label, mask=first[1]))
        before += count
    return found


def sav_videos(where: Path) -> Sequence[str]:
    """The videos that a file or a folder has masklets of."""
    files = [where] if where.is_file() else [path for kind in KINDS for path in where.glob(f"*_{kind}.json")]
    return sorted({path.stem.rpartition("_")[0] for path in files if path.stem.endswith(KINDS)})


def sav_labels(folder: Path, name: str) -> dict[int, str]:
    """The labels that Masklet's export wrote, by the number of the object; empty without any. Raises PromptError."""
    found: dict[int, str] = {}
    for path in _files(folder, name):
        fields = _fields(path)
        numbers, labels = fields.get("masklet_number"), fields.get("masklet_label")
        if isinstance(numbers, list) and isinstance(labels, list):
            found |= {whole(number, str(path)): str(label) for number, label in zip(numbers, labels, strict=False)}
    return found


def _files(where: Path, name: str) -> list[Path]:
    if where.is_file():
        return [where]
    return [path for kind in KINDS if (path := where / f"{name}_{kind}.json").is_file()]


@lru_cache(maxsize=2)
def _fields(path: Path) -> Mapping[str, object]:
    document = read_json(path)
    return document if isinstance(document, dict) else {}


def _by_position(fields: Mapping[str, object]) -> dict[int, str]:
    labels = fields.get("masklet_label")
    return {} if not isinstance(labels, list) else {at: str(label) for at, label in enumerate(labels)}


def _step(fields: Mapping[str, object], rows: int, path: Path) -> int:
    """The frames from one row to the next."""
    frames = whole(fields.get("video_frame_count"), f"{path}, video_frame_count")
    if rows == frames:
        return 1
    if abs(rows - frames / EVERY) <= 1:
        return EVERY
    raise PromptError(
        f"{path} has {rows} rows of masks for {frames} frames; a row must be of every frame or, as in SA-V, of every "
        f"fourth"
    )


def _first(rows: Sequence[Sequence[object]], position: int, size: FrameSize, path: Path) -> tuple[int, BoolMask] | None:
    """The row and the mask of a masklet's first mask that is not empty."""
    for number, row in enumerate(rows):
        if position < len(row) and row[position]:
            mask = mask_of(row[position], size, size, f"{path}, masklet[{number}][{position}]")
            if mask.any():
                return number, mask
    return None
