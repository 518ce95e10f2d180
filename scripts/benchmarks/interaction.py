"""A simulated annotator who corrects one frame a round, on one clip, under one policy after another.

Owns the simulation: the truth on the first frame, then in each of eight rounds one frame of the policy's choice is
replaced by the truth (or corrected with three clicks), and the clip is propagated again. What the same set of
corrected frames gives is computed once, whichever policy asks; the engine keeps the frames' features, so that a clip
is encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.application.worker.mask_records import scorer_of
from backend.domain.calibration import Calibrator
from backend.domain.geometry import BoolMask, Point, mask_iou
from backend.domain.prioritization import FrameCurve, Policy, choose_frames
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.scoring import FAILED_BELOW
from backend.domain.video import Direction, FrameIndex
from backend.evaluation.metrics import largest_error
from scripts.calibration.tracking_runs import TruthClip, tracked_objects

ROUNDS = 8
CLICKS = 3
ABSENT_S, CLICK_S, MASK_S = 3.0, 1.5, 80.0
"""Seconds of a person's time: to say that nothing is there, to click, to draw a mask (EVA-VOS's figures)."""

OBJECT = ObjectId("0")
_BOUNDARY_REL = 0.008

Values = NDArray[np.float64]
Taken = frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a set of corrected frames gives: J, F, uncertainty [T] each, and looks [T, D]."""

    j: Values
    f: Values
    uncertainty: Values
    looks: NDArray[np.float64]
    masks: tuple[BoolMask, ...]

    @property
    def quality(self) -> float:
        """J&F over all frames but the first, which was given; human frames count as drawn."""
        return float((self.j[1:].mean() + self.f[1:].mean()) / 2)

    def quality_without(self, taken: Taken) -> float:
        """The same over the frames that nobody drew."""
        left = [t for t in range(1, len(self.j)) if t not in taken]
        return float((self.j[left].mean() + self.f[left].mean()) / 2) if left else 1.0


Chooser = Callable[["Annotator", Taken], int]


@dataclass
class Annotator:
    """One clip's first object, and what is known of it for each set of corrected frames."""

    engine: Sam2Engine
    clip: TruthClip
    calibrator: Calibrator | None
    number: int
    clicks: bool = False
    known: dict[Taken, State] = field(default_factory=dict)
    prompts: dict[int, FramePrompt] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.clip.masks)

    def truth(self, t: int) -> BoolMask:
        mask: BoolMask = self.clip.masks[t, self.number]
        return mask

    def state(self, taken: Taken) -> State:
        """The clip propagated from these frames."""
        if taken not in self.known:
            self.known[taken] = self._propagated(taken)
        return self.known[taken]

    def seconds(self, t: int) -> float:
        if not self.truth(t).any():
            return ABSENT_S
        return CLICKS * CLICK_S if self.clicks else MASK_S

    def correct(self, t: int, taken: Taken) -> None:
        """Decide what the annotator says on a frame; with clicks it depends on what was shown there first."""
        if t in self.prompts:
            return
        if not self.clicks or t == 0 or not self.truth(t).any():
            self.prompts[t] = FramePrompt(OBJECT, FrameIndex(t), mask=self.truth(t))
            return
        shown = self.state(taken).masks[t]
        prompt: FramePrompt | None = None
        for _ in range(CLICKS):
            (row, column), positive = largest_error(shown, self.truth(t))
            point = Point((column + 0.5) / shown.shape[1], (row + 0.5) / shown.shape[0])
            click = FramePrompt(OBJECT, FrameIndex(t), points=(PointPrompt(point, positive),))
            prompt = click if prompt is None else prompt.merged_with(click)
            if prompt.has_positive:
                answer = self.engine.segment(self.clip.video, PromptSet.of([prompt], {}), FrameIndex(t))
                shown = answer.objects[0].mask
        assert prompt is not None
        self.prompts[t] = prompt if prompt.has_positive else FramePrompt(OBJECT, FrameIndex(t), mask=self.truth(t))

    def _propagated(self, taken: Taken) -> State:
        prompts = PromptSet.of([self.prompts[t] for t in sorted(taken)], {})
        scorer = scorer_of(self.calibrator, prompts)
        j, f, doubt = (np.zeros(self.count) for _ in range(3))
        looks: list[tuple[float, ...]] = [()] * self.count
        masks = [self.truth(0)] * self.count
        frames = self.engine.propagate(self.clip.video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled())
        for frame in frames:
            t, shown = int(frame.frame_index), frame.objects[0]
            (doubt[t],) = scorer.score(frame)
            j[t], f[t] = mask_iou(shown.mask, self.truth(t)), boundary_f(shown.mask, self.truth(t))
            looks[t], masks[t] = shown.evidence.embedding, shown.mask
        doubt[sorted(taken)] = 0.0
        width = max(len(look) for look in looks)
        rows = np.array([look or (0.0,) * width for look in looks], np.float64).reshape(self.count, width)
        return State(j, f, doubt, rows, tuple(masks))


@dataclass(frozen=True, slots=True)
class Played:
    """One policy on one clip, [ROUNDS + 1] each: J&F, J&F without drawn frames, failure rate, seconds spent."""

    quality: tuple[float, ...]
    undrawn: tuple[float, ...]
    failing: tuple[float, ...]
    seconds: tuple[float, ...]


def play(annotator: Annotator, choose: Chooser) -> Played:
    """Eight rounds of a policy."""
    taken: Taken = frozenset({0})
    annotator.correct(0, taken)
    seconds = [0.0]
    states = [annotator.state(taken)]
    sets = [taken]
    for _ in range(ROUNDS):
        t = choose(annotator, taken)
        annotator.correct(t, taken)
        seconds.append(seconds[-1] + annotator.seconds(t))
        taken = taken | {t}
        states.append(annotator.state(taken))
        sets.append(taken)
    return Played(
        quality=tuple(state.quality for state in states),
        undrawn=tuple(state.quality_without(known) for state, known in zip(states, sets, strict=True)),
        failing=tuple(float((state.j[1:] < FAILED_BELOW).mean()) for state in states),
        seconds=tuple(seconds),
    )


def annotator_of(
    engine: Sam2Engine, clip: TruthClip, calibrator: Calibrator | None, *, clicks: bool
) -> Annotator | None:
    """An annotator for the clip's first object that shows; None if there is none."""
    numbers = tracked_objects(clip)
    return Annotator(engine, clip, calibrator, numbers[0], clicks) if numbers else None


# the policies


def ours(policy: Policy) -> Chooser:
    """By gain, as `masklet next` does."""

    def choose(annotator: Annotator, taken: Taken) -> int:
        state = annotator.state(taken)
        return _chosen(annotator, taken, state.uncertainty, state.looks, policy)

    return choose


def oracle_gain(policy: Policy) -> Chooser:
    """The same with the true loss in place of uncertainty."""

    def choose(annotator: Annotator, taken: Taken) -> int:
        state = annotator.state(taken)
        return _chosen(annotator, taken, 1.0 - (state.j + state.f) / 2, state.looks, policy)

    return choose


def oracle_worst(annotator: Annotator, taken: Taken) -> int:
    """The frame that is worst in truth."""
    state = annotator.state(taken)
    return _largest(1.0 - (state.j + state.f) / 2, taken)


def worst(annotator: Annotator, taken: Taken) -> int:
    """The most uncertain frame."""
    return _largest(annotator.state(taken).uncertainty, taken)


def last(annotator: Annotator, taken: Taken) -> int:
    """The last frame, then the one before it, and so on."""
    return max(t for t in range(annotator.count) if t not in taken)


def uniform(annotator: Annotator, taken: Taken) -> int:
    """Evenly spread frames, the middle first, then the quarters, then the eighths."""
    order = [annotator.count * part // 9 for part in (4, 7, 2, 6, 1, 8, 3, 5)]
    spread = [t for t in order if t not in taken]
    return spread[0] if spread else last(annotator, taken)


def at_random(seed: int) -> Chooser:
    """Any frame, by a stream of its own for each clip."""

    def choose(annotator: Annotator, taken: Taken) -> int:
        rng = np.random.default_rng((seed, len(taken), *annotator.clip.name.encode()))
        return int(rng.choice([t for t in range(annotator.count) if t not in taken]))

    return choose


def policies(base: Policy, randoms: int) -> Mapping[str, Chooser]:
    """All that are compared, by name."""
    return {
        "ours": ours(base),
        "ours_without_reach": ours(replace(base, ahead=0.0)),
        "ours_without_looks": ours(replace(base, uses_looks=False)),
        "oracle_worst": oracle_worst,
        "oracle_gain": oracle_gain(base),
        "worst": worst,
        "uniform": uniform,
        "last": last,
        **{f"random_{seed}": at_random(seed) for seed in range(randoms)},
    }


def boundary_f(guess: BoolMask, truth: BoolMask) -> float:
    """DAVIS's F: precision and recall of the boundary within 0.8 % of the diagonal; 1 if both are empty."""
    if not guess.any() or not truth.any():
        return float(guess.any() == truth.any())
    radius = max(round(_BOUNDARY_REL * float(np.hypot(*truth.shape))), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    ours, theirs = _edge(guess), _edge(truth)
    precision = float((ours & _widened(theirs, disc)).sum()) / max(int(ours.sum()), 1)
    recall = float((theirs & _widened(ours, disc)).sum()) / max(int(theirs.sum()), 1)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _widened(edge: BoolMask, disc: cv2.typing.MatLike) -> BoolMask:
    return np.asarray(cv2.dilate(edge.astype(np.uint8), disc) > 0)


def _edge(mask: BoolMask) -> BoolMask:
    """The mask's pixels that touch what is outside of it."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    return mask & ~np.asarray(inner > 0)


def _chosen(annotator: Annotator, taken: Taken, doubt: Values, looks: NDArray[np.float64], policy: Policy) -> int:
    curve = FrameCurve(np.arange(annotator.count), doubt, looks, taken)
    (choice,) = choose_frames(curve, 1, policy=policy, rng=np.random.default_rng(0))
    return int(choice.frame_index)


def _largest(values: Values, taken: Taken) -> int:
    open_frames = np.ones(len(values), np.bool_)
    open_frames[sorted(taken)] = False
    return int(np.where(open_frames, values, -1.0).argmax())
