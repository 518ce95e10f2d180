"""Cuts are detected at lasting changes between neighbouring frames, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.shots import CutDetector, difference, shots_of, signature

Picture = NDArray[np.uint8]


def plain(level: int) -> Picture:
    return np.full((12, 16, 3), level, np.uint8)


def found(levels: list[int], *, backward: bool = False) -> set[int]:
    finder = CutDetector()
    order = range(len(levels) - 1, -1, -1) if backward else range(len(levels))
    for index in order:
        finder.add(index, plain(levels[index]))
    return finder.cuts


@pytest.mark.parametrize("backward", [False, True])
def test_a_cut_is_the_frame_that_begins_the_later_shot(backward: bool) -> None:
    assert found([0] * 5 + [200] * 12 + [100] * 12, backward=backward) == {5, 17}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("frames", [1, 3, 8])
def test_a_flash_is_no_cut(frames: int, backward: bool) -> None:
    assert found([0] * 10 + [200] * frames + [0] * 10, backward=backward) == set()


def test_a_shot_that_returns_after_long_has_two_cuts() -> None:
    assert found([0] * 10 + [200] * 12 + [0] * 10) == {10, 22}


def test_a_cut_during_a_flash_is_one() -> None:
    assert found([0] * 10 + [200] * 2 + [100] * 20) == {10, 12}


def test_frames_that_are_no_neighbours_are_not_compared() -> None:
    finder = CutDetector()
    finder.add(0, plain(0))
    finder.add(5, plain(200))
    finder.add(6, plain(200))
    assert (finder.cuts, finder.frames_read) == (set(), {6})


def test_a_second_pass_corrects_cuts() -> None:
    finder = CutDetector()
    for level in (200, 0):
        finder.add(0, plain(0))
        finder.add(1, plain(level))
    assert finder.cuts == set()


def test_the_same_colours_in_other_places_are_a_cut() -> None:
    left, right = plain(0), plain(0)
    left[:, :8], right[:, 8:] = 200, 200
    assert difference(signature(left), signature(left)) == 0.0
    assert difference(signature(left), signature(right)) == 1.0


def test_frames_have_the_number_of_their_shot() -> None:
    assert shots_of(np.array([0, 4, 5, 6, 20]), [5, 17]).tolist() == [0, 0, 1, 1, 2]
