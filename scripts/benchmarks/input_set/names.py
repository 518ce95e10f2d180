"""Inputs: names of files, which become addresses, and addresses as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.input_set.coding import Coding, write_video
from scripts.benchmarks.input_set.model import Input

SHORT = Coding(frames=6, container="mp4")
QUOTED = {
    "spaces": "two  words and more.mp4",
    "umlauts": "Käfer über Öl.mp4",
    "umlauts, decomposed": "Ka\u0308fer u\u0308ber O\u0308l.mp4",
    "quotes": 'Ann\'s "best" `clip`.mp4',
    "a number sign": "run #3.mp4",
    "a percent sign": "100% sure.mp4",
    "a percent sign and digits": "a%41b%2Fc.mp4",
    "a question mark": "really?v=1.mp4",
    "an ampersand, plus and semicolon": "a&b=c+d;e.mp4",
    "an emoji": "🐝 dance 🎬.mp4",
    "Chinese": "视频 一.mp4",
    "right to left": "סרטון.mp4",
    "250 characters": "x" * 246 + ".mp4",
    "brackets": "take [2] {final} (1) <3>.mp4",
    "a backslash": "C:\\clips\\a.mp4",
    "dots": "..clip..mp4.mp4",
    "a leading dash": "-rf.mp4",
    "capital suffix": "GX010042.MP4",
    "no suffix": "recording",
    "bytes of Latin-1": "Caf\udce9.mp4",
    "a wrong suffix": "clip.webm",
}
TYPED = ("spaces", "umlauts", "quotes", "an emoji", "brackets")
"""Typed as they are into a task, browsers find them too."""


def named_inputs() -> Iterator[Input]:
    """All of them."""
    for name, file in QUOTED.items():
        yield Input(f"name with {name}", _write, file, range(SHORT.frames))
    for name in TYPED:
        yield Input(f"address typed with {name}", _write, QUOTED[name], range(SHORT.frames), is_typed=True)


def _write(path: Path) -> object:
    return write_video(path, SHORT)
