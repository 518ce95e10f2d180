"""Labelled clips from folders in DAVIS and SA-V layout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.domain.errors import InvalidInput
from scripts.benchmarks.clip_folders import clip_names, read_clip


def put(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def test_davis_numbers_are_objects_and_255_is_void(tmp_path: Path) -> None:
    for t in range(2):
        put(tmp_path / f"JPEGImages/480p/dog/{t:05d}.jpg", np.full((4, 6, 3), 80, np.uint8))
        truth = np.zeros((4, 6), np.uint8)
        truth[0, t], truth[1], truth[3] = 1, 2, 255
        put(tmp_path / f"Annotations/480p/dog/{t:05d}.png", truth)
    assert clip_names(tmp_path) == ["dog"]
    clip = read_clip(tmp_path, "dog")
    assert clip.masks.shape == (2, 2, 4, 6)
    assert clip.masks[:, 0].sum((1, 2)).tolist() == [1, 1]
    assert clip.masks[1, 0, 0, 1]
    assert clip.masks[:, 1].sum((1, 2)).tolist() == [6, 6]
    assert clip.video.info.frame_count == 2


def test_sav_has_one_folder_per_object(tmp_path: Path) -> None:
    for t in range(8):
        put(tmp_path / f"JPEGImages_24fps/sav_1/{t:05d}.jpg", np.full((4, 6, 3), 10 * t, np.uint8))
    for name, frames in (("000", (0, 4)), ("001", (4,))):
        for t in frames:
            put(tmp_path / f"Annotations_6fps/sav_1/{name}/{t:05d}.png", np.full((4, 6), 255, np.uint8))
    clip = read_clip(tmp_path, "sav_1")
    assert clip.masks.any((2, 3)).tolist() == [[True, False], [True, True]]
    assert clip.video.info.frame_count == 2


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not in DAVIS or SA-V layout"):
        clip_names(tmp_path)
