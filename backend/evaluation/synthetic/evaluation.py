"""The held-out set: a fixed list of clips with their ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backend.evaluation.synthetic.clips import Plot, SyntheticClip, render_clip
from backend.evaluation.synthetic.renderer import BoolArray
from backend.evaluation.synthetic.source import ClipSource

HELD_OUT_CLIPS = 40
HELD_OUT_FRAMES = 32
TWIN_OBJECTS = ((0, 1),)


@dataclass(frozen=True)
class HeldOutClip:
    """A Clip: a video, masks bool [T, N, H, W], and pairs of objects of similar appearance."""

    video: ClipSource
    masks: BoolArray
    alike: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, clip: SyntheticClip) -> HeldOutClip:
        """Wrap a rendered clip; the first two objects of a twins clip are alike."""
        return cls(ClipSource(clip.frames), clip.masks, TWIN_OBJECTS if clip.plot is Plot.TWINS else ())


def held_out_clips(count: int = HELD_OUT_CLIPS, *, first: int = 0) -> Iterator[HeldOutClip]:
    """``count`` clips of the held-out set from the first one on, rendered one at a time."""
    for seed in range(first, first + count):
        yield HeldOutClip.of(render_clip(seed, frames=HELD_OUT_FRAMES))
