"""Searches a video for objects without a person: candidates on some of its frames, known objects left out.

Frame 0 is searched first. On a later frame an object is new if no known object's mask, propagated to it, covers it. Of
equal masks the one with the best score is kept. Every object has a score, because a person has to review it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from backend.application.ports.engine import CancelToken, Segmenter
from backend.application.ports.media import VideoSource
from backend.domain.geometry import BoolMask, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange

OnStep = Callable[[int, int], None]
"""Gets the steps that are done and all steps of a video. A step takes about as long as decoding one point."""

STEPS_OF_ENCODING = 20
"""Encoding a picture takes about as long as decoding so many points."""

COMPARED_SIDE_PX = 160


@dataclass(frozen=True, slots=True)
class SearchRules:
    """What is kept of the candidates. least_area, most_area: shares of the frame.

    same: the IoU from which two masks are one object. new: the share of a later mask that nothing known covers, from
    which it is a new object. later_looks: how many frames after the first are searched.
    """

    most: int = 10
    least_area: float = 0.001
    most_area: float = 0.6
    same: float = 0.6
    new: float = 0.7
    later_looks: int = 2

    def searched(self, frame_count: int) -> list[FrameIndex]:
        """The frames that are searched for objects, ascending, 0 first."""
        looks = self.later_looks
        later = (FrameIndex(frame_count * k // (looks + 1)) for k in range(1, looks + 1))
        return [FrameIndex(0), *(frame for frame in later if frame > 0)]


@dataclass(frozen=True, slots=True, eq=False)
class SearchedObject:
    """One object on the first frame where it was found. mask: [H, W] bool. label: empty if the search knows none."""

    key: str
    frame: int
    mask: BoolMask
    score: float
    label: str = ""
    box: None = None


@dataclass(slots=True)
class Steps:
    """Counts the steps of one video."""

    total: int
    report: OnStep
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        self.report(self.done, self.total)


class Candidates(Protocol):
    """Finds what may be objects on one frame."""

    @property
    def name(self) -> str:
        """Begins the objects' keys."""
        ...

    @property
    def steps_per_frame(self) -> int: ...

    def on(self, video: VideoSource, frame: FrameIndex, steps: Steps) -> Iterable[SearchedObject]:
        """Candidates with masks of the frame's size, in any order. Counts its steps."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectSearch:
    """Finds objects in videos with one segmenter."""

    segmenter: Segmenter
    candidates: Candidates
    cancel: CancelToken
    rules: SearchRules

    def find(self, video: VideoSource, on_step: OnStep = lambda done, total: None) -> tuple[SearchedObject, ...]:
        """The objects of a video, those of frame 0 first, best score first."""
        first, *later = self.rules.searched(video.info.frame_count)
        steps = Steps(self.steps(video.info.frame_count), on_step)
        steps.add(0)
        found = self._on_frame(video, first, (), steps)
        for frame in later:
            if len(found) >= self.rules.most:
                break
            known = self._known_at(video, found, frame, steps) if found else ()
            found += self._on_frame(video, frame, known, steps)
        steps.add(steps.total - steps.done)
        kept = found[: self.rules.most]
        return tuple(replace(entry, key=f"{self.candidates.name} {number}") for number, entry in enumerate(kept, 1))

    def steps(self, frame_count: int) -> int:
        """The most steps that a video of this length takes."""
        frames = self.rules.searched(frame_count)
        propagated = sum(frame + 1 for frame in frames[1:])
        return self.candidates.steps_per_frame * len(frames) + STEPS_OF_ENCODING * propagated

    def _on_frame(
        self, video: VideoSource, frame: FrameIndex, known: Sequence[BoolMask], steps: Steps
    ) -> tuple[SearchedObject, ...]:
        rules = self.rules
        fresh = [
            candidate
            for candidate in self.candidates.on(video, frame, steps)
            if rules.least_area <= float(candidate.mask.mean()) <= rules.most_area
            and _uncovered(candidate.mask, known) >= rules.new
        ]
        return tuple(_distinct(fresh, rules.same))

    def _known_at(
        self, video: VideoSource, found: Sequence[SearchedObject], frame: FrameIndex, steps: Steps
    ) -> tuple[BoolMask, ...]:
        """The masks on a frame of the objects found before it."""
        prompts = PromptSet.of(
            [FramePrompt(ObjectId(str(n)), FrameIndex(o.frame), mask=o.mask) for n, o in enumerate(found)], {}
        )
        frames = FrameRange(FrameIndex(0), FrameIndex(frame + 1))
        masks: tuple[BoolMask, ...] = ()
        for shown in self.segmenter.propagate(
            video, prompts, direction=Direction.FORWARD, frame_range=frames, cancel=self.cancel
        ):
            masks = tuple(entry.mask for entry in shown.objects)
            steps.add(STEPS_OF_ENCODING)
        return masks


def _distinct(candidates: Iterable[SearchedObject], same: float) -> list[SearchedObject]:
    """The candidates without duplicates, best score first."""
    kept: list[tuple[SearchedObject, BoolMask]] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        small = _shrunk(candidate.mask)
        if all(mask_iou(small, other) < same for _, other in kept):
            kept.append((candidate, small))
    return [candidate for candidate, _ in kept]


def _uncovered(mask: BoolMask, known: Sequence[BoolMask]) -> float:
    """The share of a mask that no known mask covers."""
    if not known:
        return 1.0
    covered = np.logical_or.reduce(list(known))
    return float(np.count_nonzero(mask & ~covered)) / max(int(np.count_nonzero(mask)), 1)


def _shrunk(mask: BoolMask) -> BoolMask:
    """Every n-th pixel: enough to tell whether two masks are the same."""
    step = max(1, max(mask.shape) // COMPARED_SIDE_PX)
    return mask[::step, ::step]
