"""First masks of objects from DAVIS and SA-V folders, as prompts for a batch.

DAVIS and YouTube-VOS: STEM/00000.png, one image whose palette index is the object. SA-V: STEM/OBJECT/00000.png, one
image per object. The file's name is the frame. The first mask of each object that is not empty is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from backend.adapters.media.sources.boxes import ReadObject
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

MOST_OBJECTS = 255
SAME_SHAPE = 0.02
"""The relative tolerance of a mask's aspect ratio. A mask may have another resolution than the video."""


def first_masks(where: Path, stem: str, size: FrameSize) -> list[ReadObject]:
    """The first masks of a video's objects. Raises PromptError naming an invalid image or a wrong aspect ratio."""
    folder = next((f for f in (where / stem, where / "Annotations" / stem) if f.is_dir()), None)
    if folder is None:
        return []
    objects = sorted(f for f in folder.iterdir() if f.is_dir())
    if objects:
        return [found for f in objects if (found := _of_object(f, size)) is not None]
    return _of_palette(folder, size)


def _of_object(folder: Path, size: FrameSize) -> ReadObject | None:
    for frame, path in _images(folder):
        mask = _indices(path, size) > 0
        if mask.any():
            return ReadObject(folder.name, frame, mask=mask)
    return None


def _of_palette(folder: Path, size: FrameSize) -> list[ReadObject]:
    """The objects of the first image that has any.

    Objects that appear later are left out: they are rare, and finding them would mean reading all images.
    """
    for frame, path in _images(folder):
        indices = _indices(path, size)
        numbers = [int(n) for n in np.unique(indices) if 0 < n < MOST_OBJECTS]
        if numbers:
            return [ReadObject(str(n), frame, mask=indices == n) for n in numbers]
    return []


def _images(folder: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in folder.glob("*.png") if path.stem.isdecimal())


def _indices(path: Path, size: FrameSize) -> NDArray[np.uint8]:
    """[H, W] uint8: palette indices, or grey values."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            width, height = image.size
            if abs(width / height - size.width / size.height) > SAME_SHAPE * size.width / size.height:
                raise PromptError(f"{path} is {width}x{height} but the video is {size.width}x{size.height}")
            return np.array(image if image.mode in ("P", "L") else image.convert("L"), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise PromptError(f"{path} is not a mask image that can be read: {error}") from error
