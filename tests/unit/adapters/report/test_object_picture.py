"""The picture of an object: the outline between the mask's pixels and others, or the prompt's box."""

from __future__ import annotations

import re

import numpy as np

from backend.adapters.report.object_picture import object_picture
from backend.domain.geometry import Box, FrameSize

SIZE = FrameSize(4, 3)


def paths(document: bytes) -> set[str]:
    return set(re.findall(r'<path d="([^"]*)"', document.decode()))


def test_the_outline_runs_between_the_mask_and_the_rest() -> None:
    mask = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    drawn = object_picture(b"jpeg", SIZE, mask=mask, box=None, caption="Cat, page 1")
    assert paths(drawn) == {"M1 1h2M1 2h2M1 1v1M3 1v1"}


def test_a_mask_at_the_border_is_closed_there() -> None:
    drawn = object_picture(b"jpeg", SIZE, mask=np.ones((3, 4), bool), box=None, caption="")
    assert paths(drawn) == {"M0 0h4M0 3h4M0 0v3M4 0v3"}


def test_without_a_mask_the_box_is_drawn_and_without_both_nothing() -> None:
    box = Box(0.25, 0.0, 0.75, 1.0)
    for mask in (None, np.zeros((3, 4), bool)):
        assert paths(object_picture(b"", SIZE, mask=mask, box=box, caption="")) == {"M1.0 0.0H3.0V3.0H1.0Z"}
    assert paths(object_picture(b"", SIZE, mask=None, box=None, caption="")) == {""}


def test_a_label_is_text_and_no_markup() -> None:
    drawn = object_picture(b"", SIZE, mask=None, box=None, caption='<script>"&')
    assert b"<script>" not in drawn
    assert b"&lt;script&gt;&quot;&amp;" in drawn
