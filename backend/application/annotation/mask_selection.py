"""Selections of stored masks for one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from backend.domain.masklets import MaskRun
from backend.domain.video import FrameIndex


def frame_of(run: MaskRun, frame_index: FrameIndex) -> MaskRun:
    """A run's masks on one frame; objects without a mask there are kept, empty."""
    return run.select(lambda _, frame: frame == frame_index)


def with_others(run: MaskRun, others: Iterable[MaskRun]) -> MaskRun:
    """A run, with masks that it lacks from other runs of the same video; the last of these has precedence."""
    made = {m.object_id: m for m in run.masklets}
    for other in reversed(list(others)):
        for masklet in other.masklets:
            known = made.setdefault(masklet.object_id, replace(masklet, frames=()))
            have = {frame.frame_index for frame in known.frames}
            new = [frame for frame in masklet.frames if frame.frame_index not in have]
            frames = sorted((*known.frames, *new), key=lambda frame: frame.frame_index)
            made[masklet.object_id] = replace(known, frames=tuple(frames))
    return replace(run, masklets=tuple(made.values()))
