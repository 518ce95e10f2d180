"""Clips from a folder in DAVIS layout whose masks are sparse: all frames, and masks for some of them.

JPEGImages/[480p/]NAME/FRAME.jpg and Annotations/[480p/]NAME/FRAME.png; pixels are object numbers, 255 is void.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from backend.domain.errors import InvalidInput
from backend.domain.geometry import BoolMask
from backend.evaluation.synthetic.source import ClipSource
from scripts.benchmarks.clip_folders import clip_names

VOID = 255
ROUNDING_PX = 2
"""The difference of a mask's side to its frame's that comes from rounding (853 and 854 of 480p) and is resized."""
_PICTURES = ("JPEGImages/480p", "JPEGImages/Full-Resolution", "JPEGImages")
_TRUTHS = ("Annotations/480p", "Annotations/Full-Resolution", "Annotations")


@dataclass(frozen=True)
class SparseClip:
    """A clip with masks on some frames. truths: frame number to masks by object number, bool [H, W]; none is empty."""

    name: str
    video: ClipSource
    truths: Mapping[int, Mapping[int, BoolMask]]

    @property
    def first_frames(self) -> Mapping[int, int]:
        """The first frame with a mask for each object."""
        first: dict[int, int] = {}
        for frame, masks in sorted(self.truths.items()):
            for number in masks:
                first.setdefault(number, frame)
        return first


def sparse_clip_names(folder: Path) -> list[str]:
    """The clips of a folder. Raises InvalidInput if there is no folder or no clip."""
    if not folder.is_dir():
        raise InvalidInput(f"there is no folder {folder}")
    return clip_names(folder)


def read_sparse_clip(folder: Path, name: str) -> SparseClip:
    """Reads a clip. Raises InvalidInput for unreadable pictures, no masks, or sizes that differ."""
    pictures, truths = _first(folder, _PICTURES) / name, _first(folder, _TRUTHS) / name
    paths = sorted(path for path in pictures.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise InvalidInput(f"{pictures} has no pictures")
    frames = [_picture(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise InvalidInput(f"{path} is {_size(frame)} and {paths[0].name} is {_size(frames[0])}: sizes differ")
    masks: dict[int, dict[int, BoolMask]] = {}
    for number, path in enumerate(paths):
        truth = truths / f"{path.stem}.png"
        if truth.is_file() and (objects := _objects(truth, frames[number])):
            masks[number] = objects
    if not masks:
        raise InvalidInput(f"{truths} has no masks of frames in {pictures}")
    return SparseClip(name, ClipSource(np.stack(frames)), masks)


def _objects(path: Path, frame: NDArray[np.uint8]) -> dict[int, BoolMask]:
    """The masks of one annotation by object number."""
    try:
        with Image.open(path) as picture:
            numbers = np.asarray(picture if picture.mode in ("P", "L") else picture.convert("L"), np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise InvalidInput(f"{path} is not a picture that can be read") from error
    height, width = frame.shape[:2]
    if max(abs(numbers.shape[0] - height), abs(numbers.shape[1] - width)) > ROUNDING_PX:
        raise InvalidInput(f"{path} is {_size(numbers)} and its frame is {_size(frame)}: sizes differ")
    if numbers.shape != (height, width):
        numbers = np.asarray(cv2.resize(numbers, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    return {number: numbers == number for number in np.unique(numbers).tolist() if number not in (0, VOID)}


def _picture(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise InvalidInput(f"{path} is not a picture that can be read")
    return np.asarray(picture, np.uint8)


def _size(pixels: NDArray[np.uint8]) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


def _first(folder: Path, choices: tuple[str, ...]) -> Path:
    for choice in choices:
        if (folder / choice).is_dir():
            return folder / choice
    raise InvalidInput(f"{folder} has none of {', '.join(choices)}: it is not in DAVIS layout")
