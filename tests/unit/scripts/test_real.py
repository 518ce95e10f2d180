"""bench real: clips with sparse masks, the figures, and one sentence for a bad folder."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.domain.errors import InvalidInput
from scripts.benchmarks.real import main, measure, summary
from scripts.benchmarks.sparse_clips import read_sparse_clip, sparse_clip_names
from tests.fakes.engine import SIZE, FakeSegmenter

FRAMES = 4


def put(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def column(frame: int, number: int = 1, width: int = 1) -> np.ndarray:
    """An annotation whose object covers ``width`` columns from column ``frame``; the fake segmenter answers one."""
    pixels = np.zeros((SIZE.height, SIZE.width), np.uint8)
    pixels[:, frame : frame + width] = number
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip of four frames with masks on frames 1 and 3."""
    for t in range(FRAMES):
        put(tmp_path / f"JPEGImages/dog/{t:05d}.jpg", np.full((SIZE.height, SIZE.width, 3), 40 * t, np.uint8))
    put(tmp_path / "Annotations/dog/00001.png", column(1))
    put(tmp_path / "Annotations/dog/00003.png", column(3, width=2))
    return tmp_path


def test_a_clip_has_all_frames_and_masks_of_some(folder: Path) -> None:
    assert sparse_clip_names(folder) == ["dog"]
    clip = read_sparse_clip(folder, "dog")
    assert clip.video.info.frame_count == FRAMES
    assert {frame: list(masks) for frame, masks in clip.truths.items()} == {1: [1], 3: [1]}
    assert clip.first_frames == {1: 1}


def test_each_figure_is_a_mean_over_the_object_s_frames(folder: Path) -> None:
    report = summary(measure(FakeSegmenter(), [read_sparse_clip(folder, "dog")]))
    assert report == {
        "box_iou": 0.75,
        "click_iou": 0.75,
        "propagated_30_iou": 0.5,
        "propagated_iou": 0.5,
        "objects": 1,
        "clips": 1,
    }


def test_an_object_without_a_later_mask_is_not_propagated(folder: Path) -> None:
    (folder / "Annotations/dog/00003.png").unlink()
    report = summary(measure(FakeSegmenter(), [read_sparse_clip(folder, "dog")]))
    assert report["box_iou"] == 1.0
    assert np.isnan(report["propagated_iou"])


def test_the_figures_are_written_as_json(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    main([str(folder), "--json", str(out), "--threads", "1"])
    figures = json.loads(out.read_text())
    assert {"box_iou", "click_iou", "propagated_30_iou", "propagated_iou", "clips"} <= set(figures)
    assert figures["clips"] == 1
    assert 0 <= figures["box_iou"] <= 1


def test_a_size_of_the_model_s_input_is_told_apart(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    main([str(folder), "--json", str(out), "--threads", "1", "--image-size", "128"])
    assert json.loads(out.read_text())["model"].endswith("-128px")
    assert refusal(str(folder), "--image-size", "500").startswith("bench real: MASKLET_IMAGE_SIZE is '500'; choose")


def test_void_pixels_are_no_object(folder: Path) -> None:
    put(folder / "Annotations/dog/00002.png", column(2, number=255))
    assert sorted(read_sparse_clip(folder, "dog").truths) == [1, 3]


def test_a_mask_one_pixel_larger_is_resized(folder: Path) -> None:
    put(folder / "Annotations/dog/00003.png", np.pad(column(3), ((0, 0), (0, 1))))
    assert read_sparse_clip(folder, "dog").truths[3][1].shape == (SIZE.height, SIZE.width)


def refusal(*arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return str(caught.value)


def test_no_such_folder() -> None:
    assert refusal("/no/such/folder") == "bench real: there is no folder /no/such/folder"


def test_another_layout(tmp_path: Path) -> None:
    assert "it is not in DAVIS or SA-V layout" in refusal(str(tmp_path))


def test_no_masks(folder: Path) -> None:
    for path in (folder / "Annotations/dog").iterdir():
        path.unlink()
    assert refusal(str(folder)) == (
        f"bench real: {folder}/Annotations/dog has no masks of frames in {folder}/JPEGImages/dog"
    )


def test_a_mask_of_another_size(folder: Path) -> None:
    put(folder / "Annotations/dog/00003.png", np.ones((4, 4), np.uint8))
    with pytest.raises(InvalidInput, match=r"00003.png is 4x4 and its frame is 16x8: sizes differ"):
        read_sparse_clip(folder, "dog")


def test_frames_of_two_sizes(folder: Path) -> None:
    put(folder / "JPEGImages/dog/00002.jpg", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InvalidInput, match=r"00002.jpg is 4x4 and 00000.jpg is 16x8: sizes differ"):
        read_sparse_clip(folder, "dog")


def test_an_unreadable_mask(folder: Path) -> None:
    (folder / "Annotations/dog/00003.png").write_text("no picture")
    with pytest.raises(InvalidInput, match=r"00003.png is not a picture that can be read"):
        read_sparse_clip(folder, "dog")


def test_weights_that_are_no_state(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_text("no state")
    assert "is not the state of a training run" in refusal(str(folder), "--weights", str(tmp_path / "state.pt"))
