"""The first frames to annotate: one of each kind, by three methods."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.diversity import ColdStart, diverse, kmeans, lightning_pose


def three_kinds(each: int = 20) -> NDArray[np.float64]:
    noise = np.random.default_rng(1).normal(0, 0.1, (3 * each, 6))
    return noise + np.repeat(np.eye(3, 6) * 10, each, axis=0)


@pytest.mark.parametrize("method", [ColdStart.MEDOIDS, ColdStart.DEEPLABCUT])
@pytest.mark.parametrize("seed", range(5))
def test_one_frame_of_each_kind(method: ColdStart, seed: int) -> None:
    found = diverse(method, three_kinds(), 3, np.random.default_rng(seed))
    assert [position // 20 for position in found] == [0, 1, 2]


def test_medoids_are_nearest_to_the_middle() -> None:
    rows = np.array([[0.0], [1.0], [2.2], [10.0]])
    assert diverse(ColdStart.MEDOIDS, rows, 2, np.random.default_rng(0)) == (1, 3)


def test_lightning_pose_skips_frames_without_motion() -> None:
    resting = np.zeros((50, 4))
    moving = np.random.default_rng(0).normal(5, 3, (40, 4))
    found = lightning_pose(np.concatenate([resting, moving]), 5, np.random.default_rng(0))
    assert len(found) == 5
    assert min(found) >= 50


def test_lightning_pose_takes_any_frame_if_too_few_move() -> None:
    assert len(lightning_pose(np.eye(4), 4, np.random.default_rng(0))) == 4


@pytest.mark.parametrize("method", list(ColdStart))
def test_fewer_frames_than_asked_for(method: ColdStart) -> None:
    assert len(diverse(method, np.eye(3), 10, np.random.default_rng(0))) == 3


def test_a_video_of_one_picture_has_one_frame_to_show() -> None:
    assert diverse(ColdStart.MEDOIDS, np.zeros((5, 2)), 3, np.random.default_rng(0)) == (0,)


def test_centres_are_means() -> None:
    middles = kmeans(np.array([[0.0], [2.0], [10.0], [12.0]]), 2, np.random.default_rng(0))
    assert sorted(middles[:, 0].tolist()) == [1.0, 11.0]
