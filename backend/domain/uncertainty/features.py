"""Feature rows for the calibrator, computed from one object's evidence over time.

Owns the history for temporal features. Reads evidence only, never masks: a frame costs microseconds, and a stored run
can be scored again without its video. History follows the propagation direction: in a backward pass, the previous
frame is the one with the next higher index.
"""

from __future__ import annotations

import copy
import math
import operator
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from backend.domain.geometry import Box, box_iou
from backend.domain.masklets import FrameEvidence, MaskOrigin

FEATURES = (
    "presence",
    "presence_doubt",
    "predicted_doubt",
    "candidate_gap",
    "soft_doubt",
    "stability_doubt",
    "boundary_entropy",
    "candidate_disagreement",
    "emitted",
    "area",
    "parts",
    "border",
    "area_jump",
    "area_shift",
    "area_change",
    "motion_shock",
    "box_overlap",
    "fill_change",
    "age",
    "distance",
    "drop",
    "worst_so_far",
    "drift",
    "away",
    "was_away",
    "look_change",
    "look_jump",
    "rival_overlap",
    "rival_likeness",
    "recent_doubt",
    "recent_presence",
)
"""Feature names, in row order; every feature is of the order of one."""

_LOGIT_LIMIT = 5.0
_SMALLEST_AREA = 1e-5
_MEDIAN_OF = 10
_FADE = 0.7
"""Weight of earlier frames in the running means."""


@dataclass(frozen=True, slots=True)
class ObjectEvidence:
    """One object's evidence on one frame, with the mask's origin."""

    evidence: FrameEvidence
    origin: MaskOrigin


@dataclass(slots=True)
class _RunningState:
    """Running state over the frames since the last prompt."""

    first: FrameEvidence
    embeddings: list[tuple[float, ...]] = field(default_factory=list)
    areas: deque[float] = field(default_factory=lambda: deque(maxlen=_MEDIAN_OF))
    last: FrameEvidence | None = None
    shown: FrameEvidence | None = None
    step: tuple[float, float] = (0.0, 0.0)
    age: int = 0
    absent_frames: int = 0
    was_absent: bool = False
    worst: float = 1.0
    log_sum: float = 0.0
    doubt: float = 0.0
    presence: float = 1.0


class FeatureHistory:
    """The history of one object along one propagation. prompted: its prompted frames."""

    def __init__(self, prompted: Collection[int]) -> None:
        self._prompted = tuple(sorted(prompted))
        self._state: _RunningState | None = None
        self._start: _RunningState | None = None
        self._frame: int | None = None
        self._step = 0

    def row(self, frame_index: int, seen: ObjectEvidence, rivals: Sequence[FrameEvidence] = ()) -> tuple[float, ...]:
        """The features of the next frame, in the order of FEATURES. rivals: evidence of the other objects there."""
        state = self._state_at(frame_index, seen)
        row = _row(state, seen.evidence, self._distance(frame_index), rivals)
        _update(state, seen)
        if self._start is None:
            self._start = copy.deepcopy(state)
        return row

    def _state_at(self, frame_index: int, seen: ObjectEvidence) -> _RunningState:
        """The state before this frame: the start state if this frame does not follow the last one."""
        step = 0 if self._frame is None else frame_index - self._frame
        follows = abs(step) == 1 and self._step in (0, step)
        if self._state is None:
            self._state = _RunningState(seen.evidence)
        elif not follows and self._start is not None:
            self._state = copy.deepcopy(self._start)
            step = 0
        self._frame, self._step = frame_index, step
        return self._state

    def _distance(self, frame_index: int) -> int:
        return min((abs(frame_index - prompted) for prompted in self._prompted), default=frame_index)


def logit(share: float) -> float:
    """log(p / (1 - p)), within plus or minus 5."""
    share = min(max(share, 1e-9), 1.0 - 1e-9)
    return max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, math.log(share / (1.0 - share))))


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """Cosine similarity of two embeddings (unit vectors); 1 if either was not recorded."""
    if not first or len(first) != len(second):
        return 1.0
    product: float = sum(map(operator.mul, first, second))
    return min(product, 1.0)


def predicted_iou(evidence: FrameEvidence) -> float:
    """The best candidate's predicted IoU, 0..1; 1 for a mask prompt."""
    return min(max(evidence.predicted_ious[0], 0.0), 1.0) if evidence.predicted_ious else 1.0


def _row(
    state: _RunningState, evidence: FrameEvidence, distance: int, rivals: Sequence[FrameEvidence]
) -> tuple[float, ...]:
    place = evidence if evidence.box is not None else state.shown or evidence
    return (
        *_of_frame(evidence),
        float(_touches_border(place.box)),
        *_of_motion(state, evidence, place),
        *_of_history(state, evidence, distance),
        *_of_rivals(evidence, place, rivals),
        state.doubt,
        state.presence,
    )


def _of_frame(evidence: FrameEvidence) -> tuple[float, ...]:
    presence = evidence.presence_logit
    ious = evidence.predicted_ious
    return (
        max(-3.0, min(3.0, presence / 4.0)),
        math.exp(-presence * presence / 8.0),
        -logit(predicted_iou(evidence)) / 2.0,
        ious[0] - ious[1] if len(ious) > 1 else 0.0,
        -logit(evidence.soft_iou) / 2.0,
        -logit(evidence.stability) / 2.0,
        evidence.boundary_entropy,
        evidence.candidate_disagreement,
        float(evidence.area_rel > 0),
        math.log(max(evidence.area_rel, _SMALLEST_AREA)) / 4.0 + 1.0,
        min(math.log(max(evidence.components, 1)), 3.0),
    )


def _of_motion(state: _RunningState, evidence: FrameEvidence, place: FrameEvidence) -> tuple[float, ...]:
    """Changes against the last frames with a mask; 0 without such frames.

    place: this frame's evidence, or that of the last frame with a mask if this one has none. The last mask
    distinguishes an exit (shrinking, at the border, moving) from a loss.
    """
    before = state.shown
    if before is None or before.centroid is None or before.box is None or place.box is None or place.centroid is None:
        return (0.0,) * 6
    scale = math.sqrt(_box_area(before.box)) + 1e-3
    x_step, y_step = place.centroid.x_rel - before.centroid.x_rel, place.centroid.y_rel - before.centroid.y_rel
    shock = math.hypot(x_step - state.step[0], y_step - state.step[1]) / scale
    usual = sorted(state.areas)[len(state.areas) // 2]
    first = state.first
    fill = _fill(place) - _fill(first) if first.box is not None else 0.0
    return (
        min(abs(_log_ratio(place.area_rel, before.area_rel)), 3.0),
        min(abs(_log_ratio(place.area_rel, usual)), 3.0),
        max(-3.0, min(3.0, _log_ratio(place.area_rel, first.area_rel))) if first.area_rel else 0.0,
        min(shock, 3.0),
        1.0 - box_iou(evidence.box, before.box),
        abs(fill),
    )


def _of_history(state: _RunningState, evidence: FrameEvidence, distance: int) -> tuple[float, ...]:
    iou = predicted_iou(evidence)
    similarities = [cosine(evidence.embedding, reference) for reference in state.embeddings]
    before = state.shown.embedding if state.shown is not None else ()
    return (
        math.log1p(state.age) / 3.0,
        math.log1p(distance) / 3.0,
        max(state.worst, 1e-3) - iou,
        1.0 - min(state.worst, iou),
        min(-state.log_sum / 2.0, 3.0),
        min(math.log1p(state.absent_frames), 3.0),
        float(state.was_absent),
        1.0 - max(similarities, default=1.0),
        1.0 - cosine(evidence.embedding, before),
    )


def _of_rivals(evidence: FrameEvidence, place: FrameEvidence, rivals: Sequence[FrameEvidence]) -> tuple[float, float]:
    """The largest box IoU and the largest cosine similarity with another object on the frame."""
    overlap = max((box_iou(place.box, rival.box) for rival in rivals if rival.box is not None), default=0.0)
    likeness = max((cosine(evidence.embedding, rival.embedding) for rival in rivals if rival.embedding), default=0.0)
    return overlap, likeness


def _update(state: _RunningState, seen: ObjectEvidence) -> None:
    evidence = seen.evidence
    if seen.origin is not MaskOrigin.PROPAGATED:
        _reset_at_prompt(state, evidence)
    is_present = evidence.area_rel > 0
    if is_present:
        _update_place(state, evidence)
        state.worst = min(state.worst, predicted_iou(evidence))
        state.log_sum += math.log(max(predicted_iou(evidence), 0.05))
    state.was_absent = state.was_absent or not is_present
    state.absent_frames = 0 if is_present else state.absent_frames + 1
    state.age += 1
    state.last = evidence
    frame_doubt = 1.0 - min(max(evidence.soft_iou, 0.0), 1.0) * predicted_iou(evidence) if is_present else 0.0
    state.doubt = _FADE * state.doubt + (1 - _FADE) * frame_doubt
    state.presence = _FADE * state.presence + (1 - _FADE) * max(-3.0, min(3.0, evidence.presence_logit / 4.0))


def _reset_at_prompt(state: _RunningState, evidence: FrameEvidence) -> None:
    """At a prompted frame: reset drift and doubt, and add the frame's embedding to the reference embeddings."""
    state.first = evidence
    state.age, state.was_absent, state.worst, state.log_sum, state.doubt = 0, False, 1.0, 0.0, 0.0
    if evidence.embedding:
        state.embeddings.append(evidence.embedding)


def _update_place(state: _RunningState, evidence: FrameEvidence) -> None:
    before = state.shown
    if (
        before is not None
        and before.centroid is not None
        and evidence.centroid is not None
        and state.absent_frames == 0
    ):
        state.step = (
            evidence.centroid.x_rel - before.centroid.x_rel,
            evidence.centroid.y_rel - before.centroid.y_rel,
        )
    else:
        state.step = (0.0, 0.0)
    state.areas.append(evidence.area_rel)
    state.shown = evidence


def _box_area(box: Box) -> float:
    return (box.x1_rel - box.x0_rel) * (box.y1_rel - box.y0_rel)


def _fill(evidence: FrameEvidence) -> float:
    return evidence.area_rel / _box_area(evidence.box) if evidence.box is not None else 0.0


def _log_ratio(first: float, second: float) -> float:
    return math.log(max(first, _SMALLEST_AREA) / max(second, _SMALLEST_AREA))


def _touches_border(box: Box | None) -> bool:
    if box is None:
        return False
    return box.x0_rel < 0.01 or box.y0_rel < 0.01 or box.x1_rel > 0.99 or box.y1_rel > 0.99
