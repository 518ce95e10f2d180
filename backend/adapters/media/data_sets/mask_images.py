"""First masks of objects from folders and JSON files of DAVIS and SA-V.

DAVIS and YouTube-VOS: STEM/00000.png, one image whose palette index is the object. SA-V: STEM/OBJECT/00000.png, one
image per object; without these STEM_manual.json and STEM_auto.json. An image's name is the frame. The first mask of
each object that is not empty is read.

Objects have the categories of a meta.json (YouTube-VOS) or of the JSON files of Masklet's SA-V export, or the names of
a labels.txt: line n is for palette index n, or for the n-th folder or masklet.
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
from backend.adapters.media.data_sets.sav import sav_labels, sav_masks, sav_videos
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize

VOID = 255
"""The palette index of pixels that count for no object."""

PICTURES = frozenset(("JPEGImages", "JPEGImages_24fps"))
ROOTS = ("Annotations_6fps", "Annotations/480p", "Annotations/Full-Resolution", "Annotations")
"""Folders of videos' masks in the published SA-V and DAVIS, and in exports."""


def first_masks(where: Path, name: str, size: FrameSize) -> list[ReadObject]:
    """The first masks of a video's objects. where: a folder, or a JSON file of SA-V.

    Raises PromptError naming an invalid file or a wrong aspect ratio.
    """
    folder = _root_of(where) / name
    if not folder.is_dir():
        return sav_masks(where, name, size, from_one(_names(where)))
    labels = _labels(where, name)
    objects = sorted(f for f in folder.iterdir() if f.is_dir())
    if objects:
        numbered = enumerate(objects, 1)
        return [found for n, f in numbered if (found := _of_object(f, labels.get(n, ""), size)) is not None]
    return _of_palette(folder, labels, size)


def mask_videos(where: Path) -> Sequence[str]:
    """The videos with folders of masks, or with JSON files of SA-V."""
    root = _root_of(where)
    folders = {f.name for f in root.iterdir() if f.is_dir()} if root.is_dir() else set()
    return sorted(folders - PICTURES | set(sav_videos(where)))


def _root_of(where: Path) -> Path:
    return next((where / root for root in ROOTS if (where / root).is_dir()), where)


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
    for root in (where, where.parent):
        if (root / "meta.json").is_file():
            return _of_meta(root / "meta.json", name)
        if labels := sav_labels(root, name):
            return labels
    return from_one(_names(where))


def _names(where: Path) -> dict[int, str]:
    return names_in([root / "labels.txt" for root in (where, where.parent)])


def _of_meta(path: Path, name: str) -> dict[int, str]:
    document = read_json(path)
    try:
        objects = document["videos"][name]["objects"]  # type: ignore[index]
        return {whole(number, str(path)): str(fields["category"]) for number, fields in objects.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise PromptError(f"{path} has no videos.{name}.objects with a category each, as YouTube-VOS has") from error


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
