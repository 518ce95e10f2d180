"""A mask's score has one text and one colour: Label Studio's, in films, reports and the player."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.adapters.labelstudio.writing.regions import score_of
from backend.codecs.score_marks import SCALE, region_score, rgb_of, score_color, score_text

ROOT = Path(__file__).parents[3]
PLAYER = ROOT / "backend/interfaces/http/player/static/view/score_color.js"


@pytest.mark.parametrize(
    ("uncertainty", "text", "color"),
    [
        (0.0, "1.00", "#1c992d"),
        (0.1388, "0.86", "#289d1d"),
        (0.875, "0.13", "#bc5124"),
        (0.99999, "0.00", "#c22525"),
        (float("nan"), "0.00", "#c22525"),
        (1.5, "0.00", "#c22525"),
    ],
)
def test_a_score_is_written_as_label_studio_writes_it(uncertainty: float, text: str, color: str) -> None:
    assert (score_text(uncertainty), score_color(uncertainty)) == (text, color)


def test_every_region_has_the_score_that_a_film_shows() -> None:
    for step in range(0, 10_001, 7):
        assert score_of([step / 10_000]) == region_score(step / 10_000)


def test_the_player_has_the_same_colours() -> None:
    assert tuple(re.findall(r"#[0-9a-f]{6}", PLAYER.read_text())) == SCALE


def test_a_colour_is_red_green_and_blue() -> None:
    assert rgb_of("#c22501") == (194, 37, 1)
