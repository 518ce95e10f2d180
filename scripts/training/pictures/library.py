"""Draws pictures from the index: a random cut-out, photograph or surface of the training or the held-out part."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.pictures.index import INDEX
from scripts.training.pictures.packages import Kind

Picture = NDArray[np.uint8]
Rng = np.random.Generator
HELD_OUT_EVERY = 12
KEPT_PICTURES = 300


class Part(StrEnum):
    """The part of the index: a twelfth of the origins is never trained on."""

    TRAINING = "training"
    HELD_OUT = "held-out"


class MissingPictures(Exception):
    """There is no index, or it has no picture of a kind that is needed; the message names the command."""


@dataclass
class PictureLibrary:
    """The pictures of one part by kind. The last KEPT_PICTURES decoded ones stay in memory."""

    folder: Path
    files: Mapping[Kind, Sequence[str]]
    kept: OrderedDict[str, Picture] = field(default_factory=OrderedDict)

    @classmethod
    def open(cls, folder: Path, part: Part) -> PictureLibrary:
        """The library of a cache folder. Raises MissingPictures without an index."""
        path = folder / INDEX / "index.json"
        if not path.is_file():
            raise MissingPictures(f"{folder} has no training pictures: run ./scripts/fetch_training_pictures")
        files: dict[Kind, list[str]] = {kind: [] for kind in Kind}
        for entry in json.loads(path.read_text()):
            if part_of(entry["origin"]) is part:
                files[Kind(entry["kind"])].append(entry["file"])
        library = cls(folder / INDEX, files)
        if not library.has(Kind.PHOTOGRAPH) or not any(library.has(kind) for kind in CUTOUTS):
            raise MissingPictures(
                f"{folder} lacks photographs or cut-outs ({part.value} part): run ./scripts/fetch_training_pictures"
            )
        return library

    def has(self, kind: Kind) -> bool:
        return bool(self.files[kind])

    def draw(self, rng: Rng, kind: Kind) -> Picture:
        """A random picture of a kind that the library has: RGBA [h, w, 4] for cut-outs, else RGB [h, w, 3]."""
        names = self.files[kind]
        return self._read(names[int(rng.integers(len(names)))])

    def draw_cutout(self, rng: Rng, shares: Mapping[Kind, float]) -> Picture:
        """A random cut-out; kinds by their shares, without the kinds that the library lacks."""
        kinds = [kind for kind in shares if self.has(kind)]
        weights = np.array([shares[kind] for kind in kinds])
        return self.draw(rng, kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))])

    def _read(self, name: str) -> Picture:
        if name in self.kept:
            self.kept.move_to_end(name)
            return self.kept[name]
        read = cv2.imread(str(self.folder / name), cv2.IMREAD_UNCHANGED)
        if read is None:
            raise MissingPictures(f"{self.folder / name} cannot be read: run ./scripts/fetch_training_pictures")
        order = cv2.COLOR_BGRA2RGBA if read.shape[2] == 4 else cv2.COLOR_BGR2RGB
        picture: Picture = np.asarray(cv2.cvtColor(read, order), np.uint8)
        self.kept[name] = picture
        if len(self.kept) > KEPT_PICTURES:
            self.kept.popitem(last=False)
        return picture


CUTOUTS = (Kind.PHOTO_CUTOUT, Kind.RENDERED_CUTOUT, Kind.DRAWN_CUTOUT, Kind.SEGMENT)


def part_of(origin: str) -> Part:
    """The part of a picture: all pictures of one origin (a file of a package) are in the same part."""
    number = sum((index + 1) * byte for index, byte in enumerate(origin.encode()))
    return Part.HELD_OUT if number % HELD_OUT_EVERY == 0 else Part.TRAINING
