"""The frames that --select and --portion name."""

from __future__ import annotations

import pytest

from backend.domain.errors import InvalidInput
from backend.domain.selection import Portion, parse_portion, parse_selection, range_text


@pytest.mark.parametrize(
    ("words", "portion", "expected"),
    [
        ("all", "0-1", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("every:4", "0-1", [0, 4, 8]),
        ("range:3-5", "0-1", [3, 4, 5]),
        ("all", "0.2-0.5", [2, 3, 4]),
        ("range:0-4", "0.2-0.9", [2, 3, 4]),
        ("diverse:3", "0-1", list(range(10))),
    ],
)
def test_frames(words: str, portion: str, expected: list[int]) -> None:
    assert list(parse_selection(words).frames(10, parse_portion(portion))) == expected


@pytest.mark.parametrize(
    "words", ["every:0", "every", "diverse:-1", "range:5-3", "range:5", "some", "all:3", "every:²"]
)
def test_unknown_words_name_the_choices(words: str) -> None:
    with pytest.raises(InvalidInput, match=r"every:N, diverse:N, or range:A-B"):
        parse_selection(words)


@pytest.mark.parametrize("text", ["0.5", "0.9-0.1", "0-2", "a-b", "nan-1"])
def test_a_portion_must_lie_within_the_video(text: str) -> None:
    with pytest.raises(InvalidInput, match="--portion"):
        parse_portion(text)


def test_a_frame_past_the_end_is_named_with_the_valid_range() -> None:
    with pytest.raises(InvalidInput, match=r"frame 12, but the video has 10 frames \(0 to 9\)"):
        parse_selection("range:8-12").frames(10, Portion())


def test_candidates_of_a_long_video_are_spread() -> None:
    candidates = parse_selection("diverse:5").frames(100_000, Portion())
    assert 500 <= len(candidates) <= 520
    assert candidates[-1] > 99_000


def test_runs() -> None:
    assert range_text([0, 1, 2, 5, 8, 9]) == "0-2,5,8-9"
    assert range_text([]) == ""
