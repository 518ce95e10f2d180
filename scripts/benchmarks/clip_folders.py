"""Labelled clips from a folder in DAVIS or SA-V layout.

DAVIS: JPEGImages/[480p/]NAME/00000.jpg and Annotations/[480p/]NAME/00000.png, pixels are object numbers.
SA-V: JPEGImages_24fps/NAME/00000.jpg and Annotations_6fps/NAME/000/00000.png, one folder per object.
Frames without an annotation are excluded, so SA-V clips have 6 frames a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import InvalidInput
from backend.evaluation.synthetic.source import ClipSource

_PICTURES = ("JPEGImages/480p", "JPEGImages/Full-Resolution", "JPEGImages", "JPEGImages_24fps")
_TRUTHS = ("Annotations/480p", "Annotations/Full-Resolution", "Annotations", "Annotations_6fps")


@dataclass(frozen=True)
class FolderClip:
    """A LabelledClip from a folder. masks: bool [T, N, H, W]."""

    name: str
    generator: str
    video: ClipSource
    masks: NDArray[np.bool_]


def clip_names(folder: Path) -> list[str]:
    """The names of the clips with pictures and annotations. Raises InvalidInput without any."""
    pictures, truths = _first(folder, _PICTURES), _first(folder, _TRUTHS)
    names = sorted(path.name for path in truths.iterdir() if path.is_dir() and (pictures / path.name).is_dir())
    if not names:
        raise InvalidInput(f"{folder} has no clip with both pictures and annotations")
    return names


def read_clip(folder: Path, name: str) -> FolderClip:
    """Reads one clip. Raises InvalidInput for an unreadable picture or without annotated frames."""
    pictures, truths = _first(folder, _PICTURES) / name, _first(folder, _TRUTHS) / name
    objects = sorted(path for path in truths.iterdir() if path.is_dir())
    stems = sorted({path.stem for where in objects or [truths] for path in where.glob("*.png")})
    stems = [stem for stem in stems if (pictures / f"{stem}.jpg").is_file()]
    if not stems:
        raise InvalidInput(f"{truths} has no annotation of a frame that is in {pictures}")
    frames = np.stack([_picture(pictures / f"{stem}.jpg", cv2.IMREAD_COLOR_RGB) for stem in stems])
    masks = _masks_of_folders(objects, stems, frames.shape) if objects else _masks_of_numbers(truths, stems)
    return FolderClip(name, folder.name, ClipSource(frames), masks)


def _masks_of_numbers(truths: Path, stems: Sequence[str]) -> NDArray[np.bool_]:
    numbers = np.stack([_indices(truths / f"{stem}.png") for stem in stems])
    # 255 is DAVIS's void label.
    known = [number for number in np.unique(numbers).tolist() if number not in (0, 255)]
    return np.stack([numbers == number for number in known], axis=1) if known else np.zeros((len(stems), 0, 1, 1), bool)


def _masks_of_folders(objects: Sequence[Path], stems: Sequence[str], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    masks = np.zeros((len(stems), len(objects), shape[1], shape[2]), np.bool_)
    for number, folder in enumerate(objects):
        for t, stem in enumerate(stems):
            path = folder / f"{stem}.png"
            if path.is_file():
                masks[t, number] = _indices(path) > 0
    return masks


def _indices(path: Path) -> NDArray[np.uint8]:
    """The palette indices of a picture, uint8 [H, W]."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture if picture.mode in ("P", "L") else picture.convert("L"), np.uint8)


def _picture(path: Path, mode: int) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise InvalidInput(f"{path} is not a picture that can be read")
    return np.asarray(picture, np.uint8)


def _first(folder: Path, choices: Sequence[str]) -> Path:
    for choice in choices:
        if (folder / choice).is_dir():
            return folder / choice
    raise InvalidInput(f"{folder} has none of {', '.join(choices)}: it is not in DAVIS or SA-V layout")
