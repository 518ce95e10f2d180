"""A small index of training pictures, drawn on the spot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from scripts.training.pictures.fetch import UNPACKED
from scripts.training.pictures.index import build_index
from scripts.training.pictures.library import Part, part_of
from scripts.training.pictures.packages import Kind, Package, Registry

CUTOUTS = Package("cut-outs", Registry.APT, Kind.PHOTO_CUTOUT, "CC0-1.0", skipped=("/flags/",))
PHOTOGRAPHS = Package("photographs", Registry.APT, Kind.PHOTOGRAPH, "CC-BY-4.0")


def noise(seed: int, height: int, width: int) -> np.ndarray:
    """A picture of soft random colours, uint8 [height, width, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def disc(seed: int, side: int = 120) -> np.ndarray:
    """A round cut-out, BGRA uint8."""
    alpha = np.zeros((side, side), np.uint8)
    cv2.circle(alpha, (side // 2, side // 2), side // 2 - 4, (255,), -1, cv2.LINE_AA)
    return np.dstack([noise(seed, side, side), alpha])


def put(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def names_of_both_parts(package: Package) -> list[str]:
    """File names of a package: three of each part."""
    names = [f"{number}.png" for number in range(200)]
    parts = [[name for name in names if part_of(f"{package.name}:{name}") is part] for part in Part]
    return parts[0][:3] + parts[1][:3]


def fetched_packages(folder: Path) -> None:
    """The files that a fetch of CUTOUTS and PHOTOGRAPHS leaves: enough for a training and a held-out part."""
    for number, name in enumerate(names_of_both_parts(CUTOUTS)):
        put(folder / UNPACKED / "cut-outs" / name, disc(number))
    for number, name in enumerate(names_of_both_parts(PHOTOGRAPHS)):
        put(folder / UNPACKED / "photographs" / name, noise(1000 + number, 320, 400))
    put(folder / UNPACKED / "cut-outs" / "flags" / "flag.png", disc(99))


def small_index(folder: Path) -> Path:
    """A folder with an index of drawn pictures."""
    fetched_packages(folder)
    build_index(folder, (CUTOUTS, PHOTOGRAPHS))
    return folder
