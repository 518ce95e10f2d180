"""Label Studio's frame number n is our frame index n - 1, in the picture that the page shows and not in theory alone.

The page seeks to (n - 1) / framerate, rounded to two milliseconds, and two more; what is decoded at that time carries
its own number as stripes.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.labelstudio.binding import read_binding
from backend.adapters.labelstudio.context import prompts_of_context
from backend.adapters.video.decode import open_video
from backend.domain.video import ContentHash, frame_at_time
from tests.fakes.clips import ClipSpec, number_of, write_clip
from tests.unit.adapters.labelstudio.parts import VIDEO

PRECISION_S = 0.002
RATES = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "60": Fraction(60),
}


def shown_time_s(number: int, framerate: float) -> float:
    """Where the page's player stands when it shows frame `number`."""
    return round((number - 1) / framerate / PRECISION_S) * PRECISION_S + PRECISION_S


def box_at(number: int) -> dict[str, object]:
    keyframe = {"frame": number, "enabled": True, "rotation": 0, "x": 10, "y": 10, "width": 50, "height": 50}
    value = {"framesCount": 40, "duration": 1.0, "sequence": [keyframe], "labels": ["Dog"]}
    return {"id": "b1", "type": "videorectangle", "from_name": "box", "to_name": "vid", "value": value}


@pytest.mark.parametrize("framerate", RATES)
def test_a_box_is_on_the_frame_that_the_page_showed(framerate: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", ClipSpec(rate=RATES[framerate]))
    binding = read_binding(VIDEO.replace('framerate="25"', f'framerate="{framerate}"'))
    assert binding.framerate is not None
    with open_video(clip, ContentHash("ab" * 32)) as video:
        for number in range(1, video.info.frame_count + 1):
            asked = prompts_of_context({"result": [box_at(number)]}, binding)
            shown = frame_at_time(shown_time_s(number, binding.framerate), video.timestamps_s)
            assert number_of(video.frame(asked.frame_index)) == number_of(video.frame(shown)) == number - 1
