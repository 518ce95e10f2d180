"""First masks of objects from DAVIS and SA-V folders.

DAVIS and YouTube-VOS: STEM/00000.png, one image whose palette index is the object. SA-V: STEM/OBJECT/00000.png, one
image per object. The file's name is the frame. The first mask of each object that is not empty is read.

Objects have the categories of a meta.json (YouTube-VOS) or of the STEM_manual.json and STEM_auto.json of Masklet's SA-V
export, or the names of a labels.txt: line n is for palette index n, or for the n-th folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from backend.adapters.media.data_sets.common import (
    ReadObject,
    from_one,
    names_in,
    read_json,
    require_shape,
    whole,
)
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

VOID = 255
"""The palette index of pixels that count for no object."""

PICTURES = "JPEGImages"


def first_masks(where: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """The first masks of a video's objects. Raises PromptError naming an invalid image or a wrong aspect ratio."""
    folder = _folder_of(where, name)
    labels = _labels(where, name)
    objects = sorted(f for f in folder.iterdir() if f.is_dir())
    if objects:
        numbered = enumerate(objects, 1)
        return [found for n, f in numbered if (found := _of_object(f, labels.get(n, ""), size)) is not None]
    return _of_palette(folder, labels, size)


def mask_videos(where: Path) -> Sequence[str]:
    """The videos with folders of masks."""
    root = where / "Annotations" if (where / "Annotations").is_dir() else where
    return sorted(folder.name for folder in root.iterdir() if folder.is_dir() and folder.name != PICTURES)


def _folder_of(where: Path, name: str) -> Path:
    return next((f for f in (where / "Annotations" / name, where / name) if f.is_dir()), where)


def _of_object(folder: Path, label: str, size: FrameSize) -> ReadObject | None:
    for frame, path in _images(folder):
        mask = _indices(path, size) > 0
        if mask.any():
            return ReadObject(folder.name, frame, label, mask=mask)
    return None


def _of_palette(folder: Path, labels: Mapping[int, str], size: FrameSize) -> list[ReadObject]:
    """Each object on the first image that has it. All images are read: an object may appear late."""
    found: dict[int, ReadObject] = {}
    for frame, path in _images(folder):
        indices = _indices(path, size)
        for number in np.unique(indices).tolist():
            if 0 < number < VOID and number not in found:
                found[number] = ReadObject(str(number), frame, labels.get(number, ""), mask=indices == number)
    return [found[number] for number in sorted(found)]


def _labels(where: Path, name: str) -> dict[int, str]:
    """The objects' labels by number, from 1; empty if no file has them."""
    roots = (where, where.parent)
    for root in roots:
        if (root / "meta.json").is_file():
            return _of_meta(root / "meta.json", name)
        described = [path for kind in ("manual", "auto") if (path := root / f"{name}_{kind}.json").is_file()]
        if described:
            return {number: label for path in described for number, label in _of_masklets(path).items()}
    return from_one(names_in([root / "labels.txt" for root in roots]))


def _of_meta(path: Path, name: str) -> dict[int, str]:
    document = read_json(path)
    try:
        objects = document["videos"][name]["objects"]  # type: ignore[index]
        return {whole(number, str(path)): str(fields["category"]) for number, fields in objects.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise PromptError(f"{path} has no videos.{name}.objects with a category each, as YouTube-VOS has") from error


def _of_masklets(path: Path) -> dict[int, str]:
    document = read_json(path)
    fields = document if isinstance(document, dict) else {}
    numbers, labels = fields.get("masklet_number"), fields.get("masklet_label")
    if not isinstance(numbers, list) or not isinstance(labels, list):
        return {}
    return {whole(number, str(path)): str(label) for number, label in zip(numbers, labels, strict=False)}


def _images(folder: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in folder.glob("*.png") if path.stem.isdecimal())


def _indices(path: Path, size: FrameSize) -> NDArray[np.uint8]:
    """[H, W] uint8: palette indices, or grey values."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            require_shape(FrameSize(*image.size), size, str(path))
            return np.array(image if image.mode in ("P", "L") else image.convert("L"), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise PromptError(f"{path} is not a mask image that can be read: {error}") from error
