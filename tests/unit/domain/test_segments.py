"""The segments of long videos."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidInput
from backend.domain.segments import cut


@pytest.mark.parametrize(
    ("frames", "length", "overlap", "expected"),
    [
        (300, 150, 0, [(0, 150), (150, 300)]),
        (300, 150, 1, [(0, 150), (149, 299), (298, 300)]),
        (299, 150, 1, [(0, 150), (149, 299)]),
        (150, 150, 1, [(0, 150)]),
        (10, None, 0, [(0, 10)]),
        (7, 3, 2, [(0, 3), (1, 4), (2, 5), (3, 6), (4, 7)]),
    ],
)
def test_cuts(frames: int, length: int | None, overlap: int, expected: list[tuple[int, int]]) -> None:
    assert [(s.start, s.stop) for s in cut(frames, length=length, overlap=overlap)] == expected


@given(st.integers(1, 2000), st.integers(2, 300), st.integers(0, 299))
def test_segments_cover_all_frames_and_share_the_overlap(n: int, length: int, overlap: int) -> None:
    if overlap >= length:
        return
    segments = cut(n, length=length, overlap=overlap)
    assert segments[0].start == 0
    assert segments[-1].stop == n
    for before, after in pairwise(segments):
        assert after.start == before.stop - overlap
        assert after.shared == overlap
        assert after.length > overlap  # each has frames outside its overlap


def test_names_sort_in_the_order_of_segments() -> None:
    names = [segment.name("clip.mp4") for segment in cut(1100, length=100)]
    assert names[0] == "clip.mp4 [01/11]"
    assert names == sorted(names)
    assert cut(5, length=None)[0].name("clip.mp4") == "clip.mp4"


@pytest.mark.parametrize(("length", "overlap"), [(10, 10), (1, 0), (10, -1)])
def test_an_overlap_as_long_as_the_segment_is_refused(length: int, overlap: int) -> None:
    with pytest.raises(InvalidInput, match="--overlap"):
        cut(100, length=length, overlap=overlap)
