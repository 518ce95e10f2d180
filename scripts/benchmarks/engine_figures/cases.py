"""The prompt scripts of the parity check.

They cover 1 and 5 objects; points, boxes and masks; prompts on 1, 3 and 10 frames; forward, backward and both; an
object added in mid-video; 200 frames. Every run is longer than the window of object pointers (16 frames), so that
pruning is active.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.geometry import FrameSize
from backend.domain.prompts import FramePrompt, PromptSet
from backend.domain.video import Direction
from scripts.benchmarks.engine_figures.prompting import boxed, clicked, drawn, prompt_set

SIZE = FrameSize(96, 64)
"""Frame size of the parity check."""

_LEFT, _RIGHT = (0.1, 0.2, 0.5, 0.8), (0.4, 0.25, 0.9, 0.9)


@dataclass(frozen=True, slots=True)
class ParityCase:
    """One prompt script. late: objects added after the propagation of the others."""

    frames: int
    prompts: PromptSet
    direction: Direction
    late: frozenset[str] = frozenset()


def _five(*frames: int) -> list[FramePrompt]:
    """Five objects, each prompted on all frames: two by clicks, two by boxes, one by a mask."""
    given: list[FramePrompt] = []
    for number, frame in enumerate(frames):
        shift = 0.03 * number
        given += [
            clicked("a", frame, (0.5 - shift, 0.5, True)),
            clicked("b", frame, (0.3 + shift, 0.6, True), (0.9, 0.1, False)),
            boxed("c", frame, box=_LEFT),
            boxed("d", frame, (0.6, 0.5, True), box=_RIGHT),
            drawn("e", frame, SIZE, centre=(0.6 - shift, 0.5)),
        ]
    return given


def _ten_frames() -> list[FramePrompt]:
    """One object prompted on ten frames, by clicks, boxes and masks in turn."""
    given: list[FramePrompt] = []
    for frame in range(2, 22, 2):
        kind = frame // 2 % 3
        if kind == 0:
            given.append(clicked("a", frame, (0.5, 0.4 + 0.01 * frame, True)))
        elif kind == 1:
            given.append(boxed("a", frame, box=_LEFT))
        else:
            given.append(drawn("a", frame, SIZE))
    return given


_CLICK = clicked("a", 0, (0.5, 0.5, True))
_THREE_FRAMES = [boxed("a", 5, box=_RIGHT), drawn("a", 10, SIZE), clicked("a", 21, (0.7, 0.4, True))]

CASES: Mapping[str, ParityCase] = {
    "one click, forward": ParityCase(24, prompt_set([_CLICK]), Direction.FORWARD),
    "clicks of both kinds, backward": ParityCase(
        24,
        prompt_set([clicked("a", 23, (0.5, 0.5, True), (0.1, 0.2, False), (0.6, 0.7, True))]),
        Direction.BACKWARD,
    ),
    "a box, both ways": ParityCase(30, prompt_set([boxed("a", 10, box=_RIGHT)]), Direction.BOTH),
    "a mask, both ways": ParityCase(30, prompt_set([drawn("a", 10, SIZE)]), Direction.BOTH),
    "three prompted frames, forward": ParityCase(26, prompt_set(_THREE_FRAMES), Direction.FORWARD),
    "three prompted frames, backward": ParityCase(26, prompt_set(_THREE_FRAMES), Direction.BACKWARD),
    "three prompted frames, both ways": ParityCase(30, prompt_set(_THREE_FRAMES), Direction.BOTH),
    "ten prompted frames, both ways": ParityCase(26, prompt_set(_ten_frames()), Direction.BOTH),
    "five objects, forward": ParityCase(22, prompt_set(_five(0)), Direction.FORWARD),
    "five objects, three prompted frames, both ways": ParityCase(20, prompt_set(_five(4, 9, 10)), Direction.BOTH),
    "an object added in mid-video": ParityCase(
        26,
        prompt_set([_CLICK, boxed("b", 9, box=_LEFT)]),
        Direction.FORWARD,
        frozenset("b"),
    ),
    "200 frames": ParityCase(200, prompt_set([_CLICK]), Direction.FORWARD),
}

FEW = ("three prompted frames, both ways", "five objects, forward")
"""The cases for models of other shapes."""
