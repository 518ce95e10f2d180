"""A simulated annotator: corrects one frame per round on one clip, under each policy.

Owns the simulation. The first frame is given as truth. In each of eight rounds the policy chooses a frame, the
annotator replaces it by the truth (or corrects it with three clicks), and the clip is propagated again. Results are
cached by set of corrected frames and shared by all policies. The engine caches features, so a clip is encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.application.worker.mask_records import scorer_of
from backend.domain.crowd.agreement_boundaries import boundary_f
from backend.domain.geometry import BoolMask, Point, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.prioritization import FrameCurve, Policy, choose_frames
from backend.domain.uncertainty.scoring import FAILED_BELOW
from backend.domain.video import Direction, FrameIndex
from backend.evaluation.metrics import largest_error
from backend.training.calibration.tracking_runs import LabelledClip, tracked_objects

ROUNDS = 8
CLICKS = 3
ABSENT_S, CLICK_S, MASK_S = 3.0, 1.5, 80.0
"""Seconds of a person's time to mark an absent object, to click, to draw a mask (EVA-VOS's figures)."""

OBJECT = ObjectId("0")

Values = NDArray[np.float64]
CorrectedFrames = frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class PropagationResult:
    """The propagation from a set of corrected frames: J, F and uncertainty, [T] each, and embeddings [T, D]."""

    j: Values
    f: Values
    uncertainty: Values
    embeddings: NDArray[np.float64]
    masks: tuple[BoolMask, ...]

    @property
    def quality(self) -> float:
        """J&F over all frames but the given first one; human frames count as drawn."""
        return float((self.j[1:].mean() + self.f[1:].mean()) / 2)

    def quality_without(self, corrected: CorrectedFrames) -> float:
        """J&F over the frames that are not human frames."""
        others = [t for t in range(1, len(self.j)) if t not in corrected]
        return float((self.j[others].mean() + self.f[others].mean()) / 2) if others else 1.0


Chooser = Callable[["Annotator", CorrectedFrames], int]


@dataclass
class Annotator:
    """The annotator of one clip's first object, with the cached result of each set of corrected frames."""

    engine: Sam2Engine
    clip: LabelledClip
    calibrator: Calibrator | None
    number: int
    clicks: bool = False
    results: dict[CorrectedFrames, PropagationResult] = field(default_factory=dict)
    prompts: dict[int, FramePrompt] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.clip.masks)

    def truth(self, t: int) -> BoolMask:
        mask: BoolMask = self.clip.masks[t, self.number]
        return mask

    def state(self, corrected: CorrectedFrames) -> PropagationResult:
        """The clip propagated from the corrected frames."""
        if corrected not in self.results:
            self.results[corrected] = self._propagated(corrected)
        return self.results[corrected]

    def seconds(self, t: int) -> float:
        if not self.truth(t).any():
            return ABSENT_S
        return CLICKS * CLICK_S if self.clicks else MASK_S

    def correct(self, t: int, corrected: CorrectedFrames) -> None:
        """Sets the annotator's prompt on a frame; with clicks it depends on the mask shown at the first call."""
        if t in self.prompts:
            return
        if not self.clicks or t == 0 or not self.truth(t).any():
            self.prompts[t] = FramePrompt(OBJECT, FrameIndex(t), mask=self.truth(t))
            return
        shown = self.state(corrected).masks[t]
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

    def _propagated(self, corrected: CorrectedFrames) -> PropagationResult:
        prompts = PromptSet.of([self.prompts[t] for t in sorted(corrected)], {})
        scorer = scorer_of(self.calibrator, prompts)
        j, f, uncertainty = (np.zeros(self.count) for _ in range(3))
        embeddings: list[tuple[float, ...]] = [()] * self.count
        masks = [self.truth(0)] * self.count
        frames = self.engine.propagate(self.clip.video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled())
        for frame in frames:
            t, shown = int(frame.frame_index), frame.objects[0]
            (uncertainty[t],) = scorer.score(frame)
            j[t], f[t] = mask_iou(shown.mask, self.truth(t)), boundary_f(shown.mask, self.truth(t))
            embeddings[t], masks[t] = shown.evidence.embedding, shown.mask
        uncertainty[sorted(corrected)] = 0.0
        width = max(len(row) for row in embeddings)
        rows = np.array([row or (0.0,) * width for row in embeddings], np.float64).reshape(self.count, width)
        return PropagationResult(j, f, uncertainty, rows, tuple(masks))


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """One policy on one clip, [ROUNDS + 1] each: J&F, J&F without human frames, failure rate, seconds spent."""

    quality: tuple[float, ...]
    undrawn: tuple[float, ...]
    failing: tuple[float, ...]
    seconds: tuple[float, ...]


def run_policy(annotator: Annotator, choose: Chooser) -> PolicyResult:
    """Runs a policy for ROUNDS rounds."""
    corrected: CorrectedFrames = frozenset({0})
    annotator.correct(0, corrected)
    seconds = [0.0]
    states = [annotator.state(corrected)]
    sets = [corrected]
    for _ in range(ROUNDS):
        t = choose(annotator, corrected)
        annotator.correct(t, corrected)
        seconds.append(seconds[-1] + annotator.seconds(t))
        corrected = corrected | {t}
        states.append(annotator.state(corrected))
        sets.append(corrected)
    return PolicyResult(
        quality=tuple(state.quality for state in states),
        undrawn=tuple(state.quality_without(drawn) for state, drawn in zip(states, sets, strict=True)),
        failing=tuple(float((state.j[1:] < FAILED_BELOW).mean()) for state in states),
        seconds=tuple(seconds),
    )


def annotator_of(
    engine: Sam2Engine, clip: LabelledClip, calibrator: Calibrator | None, *, clicks: bool
) -> Annotator | None:
    """An annotator of the clip's first tracked object; None without a tracked object."""
    numbers = tracked_objects(clip)
    return Annotator(engine, clip, calibrator, numbers[0], clicks) if numbers else None


# the policies


def ours(policy: Policy) -> Chooser:
    """The choice of `masklet next`: by gain."""

    def choose(annotator: Annotator, corrected: CorrectedFrames) -> int:
        state = annotator.state(corrected)
        return _chosen(annotator, corrected, state.uncertainty, state.embeddings, policy)

    return choose


def oracle_gain(policy: Policy) -> Chooser:
    """The choice by gain with the true loss as uncertainty."""

    def choose(annotator: Annotator, corrected: CorrectedFrames) -> int:
        state = annotator.state(corrected)
        return _chosen(annotator, corrected, 1.0 - (state.j + state.f) / 2, state.embeddings, policy)

    return choose


def oracle_worst(annotator: Annotator, corrected: CorrectedFrames) -> int:
    """The frame with the largest true loss."""
    state = annotator.state(corrected)
    return _largest(1.0 - (state.j + state.f) / 2, corrected)


def worst(annotator: Annotator, corrected: CorrectedFrames) -> int:
    """The most uncertain frame."""
    return _largest(annotator.state(corrected).uncertainty, corrected)


def last(annotator: Annotator, corrected: CorrectedFrames) -> int:
    """The last frame that is not corrected."""
    return max(t for t in range(annotator.count) if t not in corrected)


def uniform(annotator: Annotator, corrected: CorrectedFrames) -> int:
    """Evenly spaced frames (ninths of the clip): the middle, then the quarters, then the eighths."""
    order = [annotator.count * part // 9 for part in (4, 7, 2, 6, 1, 8, 3, 5)]
    spread = [t for t in order if t not in corrected]
    return spread[0] if spread else last(annotator, corrected)


def random_choice(seed: int) -> Chooser:
    """A uniformly random frame; each clip has its own random stream."""

    def choose(annotator: Annotator, corrected: CorrectedFrames) -> int:
        rng = np.random.default_rng((seed, len(corrected), *annotator.clip.name.encode()))
        return int(rng.choice([t for t in range(annotator.count) if t not in corrected]))

    return choose


def policies(base: Policy, randoms: int) -> Mapping[str, Chooser]:
    """The compared policies by name."""
    return {
        "ours": ours(base),
        "ours_without_reach": ours(replace(base, ahead=0.0)),
        "ours_without_embeddings": ours(replace(base, uses_embeddings=False)),
        "oracle_worst": oracle_worst,
        "oracle_gain": oracle_gain(base),
        "worst": worst,
        "uniform": uniform,
        "last": last,
        **{f"random_{seed}": random_choice(seed) for seed in range(randoms)},
    }


def _chosen(
    annotator: Annotator,
    corrected: CorrectedFrames,
    uncertainty: Values,
    embeddings: NDArray[np.float64],
    policy: Policy,
) -> int:
    curve = FrameCurve(np.arange(annotator.count), uncertainty, embeddings, corrected)
    (choice,) = choose_frames(curve, 1, policy=policy, rng=np.random.default_rng(0))
    return int(choice.frame_index)


def _largest(values: Values, corrected: CorrectedFrames) -> int:
    open_frames = np.ones(len(values), np.bool_)
    open_frames[sorted(corrected)] = False
    return int(np.where(open_frames, values, -1.0).argmax())
