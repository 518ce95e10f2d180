"""What new prompts make necessary: which frames of which object are made again, and which stay as they are.

An object's human frames (those that somebody prompted) cut its time into stretches: from each human frame up to the
next one, carried forward, and before the first one a lead, carried backward. A stretch is made again if its prompt
was added or changed, or if a prompt that stood in it was taken away; everything else stays bit for bit.

    H───────────H───────────H──────      H  a human frame
    H─────C░░░░░H───────────H──────      C  a correction; ░ made again, ─ left alone
    H░░░░░x░░░░░H───────────H──────      x  a prompt that was taken away
    ░░░░░░C░░░░░H───────────H──────      a correction before the object's first human frame
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange


class Scope(StrEnum):
    """How much a propagation makes again of what a task has already.

    ONWARD: from each changed prompt to the object's next human frame. AROUND: from the human frame before it, too.
    ALL: everything.
    """

    ONWARD = "onward"
    AROUND = "around"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier run: the prompts that led to it, and the frames that each object has in it (ascending ranges)."""

    prompts: PromptSet
    covered: Mapping[ObjectId, tuple[FrameRange, ...]]


@dataclass(frozen=True, slots=True)
class Pass:
    """One call of the engine: these objects, with all of their prompts, that way, over these frames."""

    object_ids: tuple[ObjectId, ...]
    direction: Direction
    frames: FrameRange


@dataclass(frozen=True, slots=True)
class PassPlan:
    """The passes to be made, and what is kept of the earlier run: what a pass says of kept frames does not count."""

    passes: tuple[Pass, ...]
    kept: Mapping[ObjectId, tuple[FrameRange, ...]]

    def keeps(self, object_id: ObjectId, frame_index: int) -> bool:
        """Whether this object's mask on this frame is the earlier run's."""
        return any(frame_index in frames for frames in self.kept.get(object_id, ()))

    def digest(self) -> str:
        """SHA-256, hex: equal plans have equal digests in every process."""
        passes = [[*map(str, p.object_ids), str(p.direction), p.frames.start, p.frames.stop] for p in self.passes]
        kept = [[str(object_id), *((r.start, r.stop) for r in ranges)] for object_id, ranges in self.kept.items()]
        return hashlib.sha256(json.dumps([passes, kept]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Range:
    """Frames start..stop-1 of one object, made from its human frame: the first of them, or of a lead the next one."""

    start: int
    stop: int
    is_lead: bool
    again: bool

    def clipped(self, span: range) -> range:
        return range(max(self.start, span.start), min(self.stop, span.stop))


def full_pass_plan(prompts: PromptSet, *, direction: Direction, span: FrameRange) -> PassPlan:
    """Everything at once, nothing kept."""
    return PassPlan((Pass(prompts.object_ids, direction, span),), {}) if prompts else PassPlan((), {})


def incremental_pass_plan(
    prompts: PromptSet,
    before: EarlierRun,
    *,
    frame_count: int,
    direction: Direction,
    span: FrameRange,
    scope: Scope = Scope.ONWARD,
) -> PassPlan:
    """What these prompts ask for beyond what an earlier run of the same video has.

    span: the frames asked for, within the video's frame_count. Frames outside of it that still hold are kept;
    frames that no longer hold are dropped, and are missing until somebody asks for them.
    """
    if scope is Scope.ALL:
        return full_pass_plan(prompts, direction=direction, span=span)
    parts: dict[tuple[Direction, FrameRange], list[ObjectId]] = {}
    kept: dict[ObjectId, tuple[FrameRange, ...]] = {}
    for object_id in prompts.object_ids:
        history = _History.of(object_id, prompts, before)
        wanted = wanted_frames(history.first, direction=direction, span=span)
        stretches = _ranges(history, frame_count=frame_count, wanted=wanted, scope=scope)
        kept_frames = _kept(history, stretches)
        again = _not_kept(stretches, kept_frames, wanted)
        if kept_frames:
            kept[object_id] = kept_frames
        for key in _passes(history.first, again, wanted, direction=direction, span=span):
            parts.setdefault(key, []).append(object_id)
    passes = (Pass(tuple(objects), way, frames) for (way, frames), objects in parts.items())
    return PassPlan(tuple(passes), kept)


def wanted_frames(first_prompted: int, *, direction: Direction, span: FrameRange) -> range:
    """The frames that Segmenter.propagate gives an object which was prompted first on that frame."""
    start = max(first_prompted, span.start)
    if direction is Direction.BOTH:
        return range(span.start, span.stop)
    if direction is Direction.FORWARD:
        return range(start, span.stop)
    return range(span.start, min(start, span.stop - 1) + 1)


def yields(one: Pass, prompts: PromptSet) -> int:
    """How many FrameMasks the engine makes in a pass: a frame counts twice if both ways come by it."""
    span = one.frames
    starts = [max(min(prompts.of_object(object_id).prompted_frames), span.start) for object_id in one.object_ids]
    forward = 0 if one.direction is Direction.BACKWARD else max(span.stop - min(starts), 0)
    if one.direction is Direction.FORWARD:
        return forward
    skip = 1 if one.direction is Direction.BOTH else 0
    last = max(min(start - skip, span.stop - 1) for start in starts)
    return forward + max(last - span.start + 1, 0)


def steps(one: Pass, prompts: PromptSet) -> Iterator[tuple[int, tuple[ObjectId, ...]]]:
    """The frames that the engine makes in a pass, in its order, each with the objects that come with it."""
    span = one.frames
    joins = {i: max(min(prompts.of_object(i).prompted_frames), span.start) for i in one.object_ids}
    if one.direction is not Direction.BACKWARD:
        for frame in range(min(joins.values()), span.stop):
            yield frame, tuple(i for i, join in joins.items() if frame >= join)
    if one.direction is not Direction.FORWARD:
        skip = 1 if one.direction is Direction.BOTH else 0
        back = {i: min(join - skip, span.stop - 1) for i, join in joins.items()}
        for frame in range(max(back.values()), span.start - 1, -1):
            yield frame, tuple(i for i, join in back.items() if frame <= join)


def ranges_of(frames: Iterable[int]) -> tuple[FrameRange, ...]:
    """Frame indices, ascending, as the fewest ranges."""
    return _joined(range(frame, frame + 1) for frame in frames)


@dataclass(frozen=True, slots=True)
class _History:
    """One object's human frames now, which of them are news, which are gone, and what the earlier run has of it."""

    now: Sequence[int]
    changed: frozenset[int]
    gone: frozenset[int]
    covered: tuple[FrameRange, ...]

    @classmethod
    def of(cls, object_id: ObjectId, prompts: PromptSet, before: EarlierRun) -> _History:
        now = _said(prompts.of_object(object_id))
        then = _said(before.prompts.of_object(object_id))
        return cls(
            sorted(now),
            frozenset(frame for frame, said in now.items() if then.get(frame) != said),
            frozenset(then.keys() - now.keys()),
            before.covered.get(object_id, ()),
        )

    @property
    def first(self) -> int:
        return self.now[0]

    def has(self, frames: range) -> bool:
        """Whether the earlier run has all of these frames."""
        return not frames or any(r.start <= frames.start and frames.stop <= r.stop for r in self.covered)


def _said(prompts: PromptSet) -> dict[int, str]:
    return {prompt.frame_index: _digest(prompt) for prompt in prompts}


def _digest(prompt: FramePrompt) -> str:
    return PromptSet((prompt,)).digest()


def _ranges(history: _History, *, frame_count: int, wanted: range, scope: Scope) -> list[_Range]:
    """One object's whole time, cut, with what is to be made again marked. Missing frames are a reason, too."""
    stretches = []
    for start, stop, is_lead in _cuts(history.now, frame_count):
        prompt_frame = stop if is_lead else start
        again = prompt_frame in history.changed or any(start <= frame < stop for frame in history.gone)
        if scope is Scope.AROUND and stop in history.changed:
            again = True
        stretch = _Range(start, stop, is_lead, again)
        again = again or not history.has(stretch.clipped(wanted))
        stretches.append(_Range(start, stop, is_lead, again))
    return stretches


def _cuts(human_frames: Sequence[int], frame_count: int) -> Iterator[tuple[int, int, bool]]:
    if human_frames[0] > 0:
        yield 0, human_frames[0], True
    for start, stop in itertools.pairwise((*human_frames, frame_count)):
        yield start, stop, False


def _kept(history: _History, stretches: Sequence[_Range]) -> tuple[FrameRange, ...]:
    """Whole stretches that hold, and of the others the human frame they begin with, if it is not news."""
    kept: list[range] = []
    for stretch in stretches:
        if not stretch.again:
            kept += (stretch.clipped(range(r.start, r.stop)) for r in history.covered)
        elif not stretch.is_lead and stretch.start not in history.changed:
            human_frame = range(stretch.start, stretch.start + 1)
            kept += [human_frame] if history.has(human_frame) else []
    return _joined(part for part in kept if part)


def _joined(parts: Iterable[range]) -> tuple[FrameRange, ...]:
    """Ascending ranges, neighbours made one."""
    joined: list[range] = []
    for part in parts:
        if joined and joined[-1].stop == part.start:
            joined[-1] = range(joined[-1].start, part.stop)
        else:
            joined.append(part)
    return tuple(FrameRange(FrameIndex(part.start), FrameIndex(part.stop)) for part in joined)


def _not_kept(stretches: Sequence[_Range], kept: tuple[FrameRange, ...], wanted: range) -> tuple[range, ...]:
    """What is to be made of each run of neighbouring stretches: from its first frame that is not kept to its last."""
    runs = []
    for again, group in itertools.groupby(stretches, lambda stretch: stretch.again):
        parts = [part for stretch in group if (part := stretch.clipped(wanted))]
        if again and parts:
            missing = range(parts[0].start, parts[-1].stop)
            while missing and any(missing.start in frames for frames in kept):
                missing = missing[1:]
            while missing and any(missing[-1] in frames for frames in kept):
                missing = missing[:-1]
            if missing:
                runs.append(missing)
    return tuple(runs)


def _passes(
    first_prompted: int, again: Sequence[range], wanted: range, *, direction: Direction, span: FrameRange
) -> Iterator[tuple[Direction, FrameRange]]:
    """How the engine is asked for one object's frames. All of them: as it is asked when there is no earlier run."""
    if len(again) == 1 and again[0] == wanted:
        yield direction, span
        return
    for frames in again:
        if frames.start >= first_prompted:
            way = Direction.FORWARD
        else:
            way = Direction.BACKWARD if frames.stop <= first_prompted else Direction.BOTH
        yield way, FrameRange(FrameIndex(frames.start), FrameIndex(frames.stop))
