"""Builds the index of training pictures: cut-outs as PNG, photographs as JPEG, and ``index.json``.

``./scripts/fetch_training_pictures [--folder FOLDER]`` fetches the packages and builds it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.pictures.cutouts import cutout_of, photograph_of
from scripts.training.pictures.fetch import DEFAULT_FOLDER, fetch_packages, picture_paths
from scripts.training.pictures.packages import PACKAGES, Kind, Package
from scripts.training.pictures.segments import segments_of

Entry = dict[str, str]
Item = tuple[NDArray[np.uint8], Kind, str]
INDEX = "index"
SEED = 20


def package_items(package: Package, folder: Path) -> Iterator[Item]:
    """The pictures of one package with their kind and their package's path; photographs also give segments."""
    last_shown: dict[str, NDArray[np.uint8]] = {}
    for path in picture_paths(package, folder):
        origin = f"{package.name}:{path.name}"
        if package.kind in (Kind.PHOTOGRAPH, Kind.SURFACE):
            photo = photograph_of(path, package.kind)
            # A wallpaper comes in several sizes in one folder.
            if photo is None or _same(last_shown.get(str(path.parent)), photo):
                continue
            last_shown[str(path.parent)] = photo
            yield photo, package.kind, origin
            if package.kind is Kind.PHOTOGRAPH:
                rng = np.random.default_rng((SEED, int(_digest(photo)[:8], 16)))
                yield from ((cut, Kind.SEGMENT, origin) for cut in segments_of(photo, rng))
        else:
            found = cutout_of(path, package.kind)
            if found:
                yield *found, origin


def build_index(folder: Path, packages: tuple[Package, ...] = PACKAGES) -> Counter[str]:
    """Writes ``index`` into ``folder`` from the fetched packages; returns the count of pictures by kind."""
    target, partial = folder / INDEX, folder / f"{INDEX}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    entries: list[Entry] = []
    seen: set[str] = set()
    for package in packages:
        for picture, kind, origin in package_items(package, folder):
            digest = _digest(picture)
            if digest in seen:
                continue
            seen.add(digest)
            name = f"{digest}.{'png' if picture.shape[2] == 4 else 'jpg'}"
            _write(partial / name, picture)
            entries.append({"file": name, "kind": kind.value, "origin": origin, "licence": package.licence})
    (partial / "index.json").write_text(json.dumps(entries, indent=0) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    return Counter(entry["kind"] for entry in entries)


def _same(one: NDArray[np.uint8] | None, other: NDArray[np.uint8]) -> bool:
    if one is None:
        return False
    small = [cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32) for picture in (one, other)]
    return float(np.abs(small[0] - small[1]).mean()) < 6


def _digest(picture: NDArray[np.uint8]) -> str:
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()[:16]


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    if picture.shape[2] == 4:
        cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    else:
        cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 92])


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetches the training pictures and builds their index.")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help=f"the cache (default {DEFAULT_FOLDER})")
    folder = parser.parse_args().folder
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    missing = fetch_packages(PACKAGES, folder)
    for package in PACKAGES:
        print(f"{package.name:32} {package.kind.value:16} {package.licence}")
    for kind, count in sorted(build_index(folder).items()):
        print(f"{count:6} {kind}")
    print(*missing, sep="\n")


if __name__ == "__main__":
    main()
