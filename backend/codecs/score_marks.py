"""How a mask's score is shown to people: the text and the colour that Label Studio's page gives it.

Label Studio writes a region's score on its mask, on a ground from red to green, and cannot be told another form. Films,
reports and the player's timeline therefore take its form.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

Rgb = tuple[int, int, int]

DECIMALS = 4
"""The decimals of a region's score as Masklet writes it into Label Studio."""

SCALE: tuple[str, ...] = (
    "#c22525", "#c13025", "#bf3b24", "#be4624", "#bc5124", "#bb5b23", "#ba6623", "#b87023", "#b77a22", "#b58422",
    "#b48d22", "#b39722", "#b1a021", "#b0aa21", "#aaae21", "#9ead20", "#93ab20", "#87aa20", "#7ca91f", "#71a71f",
    "#66a61f", "#5ba41e", "#51a31e", "#46a21e", "#3ca01e", "#329f1d", "#289d1d", "#1e9c1d", "#1c9a24", "#1c992d",
    "#1c992d",
)  # fmt: skip
"""Label Studio's colours of scores from 0 to 1, in steps of a thirtieth."""


def region_score(uncertainty: float) -> float:
    """A region's score in Label Studio: 1 - uncertainty with DECIMALS decimals; NaN counts as uncertainty 1."""
    known = 1.0 if math.isnan(uncertainty) else min(max(uncertainty, 0.0), 1.0)
    return round(1.0 - known, DECIMALS)


def score_text(uncertainty: float) -> str:
    """A mask's score as Label Studio writes it on the mask: two decimals, halves upwards."""
    return str(Decimal(region_score(uncertainty)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def score_color(uncertainty: float) -> str:
    """The colour, #rrggbb, of the ground on which Label Studio writes the score."""
    return SCALE[math.ceil(region_score(uncertainty) * (len(SCALE) - 1))]


def rgb_of(color: str) -> Rgb:
    """color: #rrggbb."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
