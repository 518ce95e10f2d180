"""Pass plans: the frames of each object that new prompts recompute, and the frames reused from an earlier run.

An object's prompted frames split its frames into ranges: each prompted frame up to the next one, propagated forward,
and the lead before the first one, propagated backward. A range is recomputed if its prompt was added or changed, or if
a prompt inside it was removed. All other frames stay bit-identical.

    P───────────P───────────P──────      P  a prompted frame
    P─────C░░░░░P───────────P──────      C  a correction; ░ recomputed, ─ reused
    P░░░░░x░░░░░P───────────P──────      x  a removed prompt
    ░░░░░░C░░░░░P───────────P──────      a correction before the object's first prompted frame
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange


class Scope(StrEnum):
    """How much of a task's earlier run a propagation recomputes.

    ONWARD: from each changed prompt to the object's next prompted frame. AROUND: also from the prompted frame before
    it. ALL: everything.
    """

    ONWARD = "onward"
    AROUND = "around"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier run: its prompts, and the frames of each object in it (ascending ranges)."""

    prompts: PromptSet
    covered: Mapping[ObjectId, tuple[FrameRange, ...]]


@dataclass(frozen=True, slots=True)
class Pass:
    """One engine call: objects, with all of their prompts, a direction and a range.

    visited: the frames that the engine goes through, ascending, with the objects' prompted frames; None: all.
    """

    object_ids: tuple[ObjectId, ...]
    direction: Direction
    frames: FrameRange
    visited: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class PassPlan:
    """The passes to compute, and the ranges kept of the earlier run. Kept frames override the passes' output."""

    passes: tuple[Pass, ...]
    kept: Mapping[ObjectId, tuple[FrameRange, ...]]

    def keeps(self, object_id: ObjectId, frame_index: int) -> bool:
        """Whether this object's mask on this frame is reused from the earlier run."""
        return any(frame_index in frames for frames in self.kept.get(object_id, ()))

    def digest(self) -> str:
        """SHA-256, hex: equal plans have equal digests in every process."""
        passes = [
            [*map(str, p.object_ids), str(p.direction), p.frames.start, p.frames.stop, *(p.visited or ())]
            for p in self.passes
        ]
        kept = [[str(object_id), *((r.start, r.stop) for r in ranges)] for object_id, ranges in self.kept.items()]
        return hashlib.sha256(json.dumps([passes, kept]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Range:
    """Frames start..stop-1 of one object. Its prompted frame is the first of them; for a lead, the frame `stop`."""

    start: int
    stop: int
    is_lead: bool
    recompute: bool

    def clipped(self, requested: range) -> range:
        return range(max(self.start, requested.start), min(self.stop, requested.stop))


def full_pass_plan(prompts: PromptSet, *, direction: Direction, requested: FrameRange) -> PassPlan:
    """One pass over all requested frames, nothing kept."""
    return PassPlan((Pass(prompts.object_ids, direction, requested),), {}) if prompts else PassPlan((), {})


def incremental_pass_plan(
    prompts: PromptSet,
    earlier: EarlierRun,
    *,
    frame_count: int,
    direction: Direction,
    requested: FrameRange,
    scope: Scope = Scope.ONWARD,
    computed: Collection[ObjectId] | None = None,
) -> PassPlan:
    """The passes for new prompts, given an earlier run of the same video.

    requested: the requested frames, within the video's frame_count. Outside of them, valid frames of the earlier run
    are kept and invalid ones dropped; dropped frames are missing until a later request.
    computed: the objects to compute; None: all. Of the others, valid frames are kept and invalid ones dropped.
    """
    if scope is Scope.ALL:
        return full_pass_plan(prompts, direction=direction, requested=requested)
    parts: dict[tuple[Direction, FrameRange], list[ObjectId]] = {}
    kept: dict[ObjectId, tuple[FrameRange, ...]] = {}
    for object_id in prompts.object_ids:
        history = _History.of(object_id, prompts, earlier)
        is_computed = computed is None or object_id in computed
        wanted = wanted_frames(history.first, direction=direction, requested=requested) if is_computed else range(0)
        ranges = _ranges(history, frame_count=frame_count, wanted=wanted, scope=scope)
        kept_frames = _kept(history, ranges)
        missing = _not_kept(ranges, kept_frames, wanted)
        if kept_frames:
            kept[object_id] = kept_frames
        for key in _passes(history.first, missing, wanted, direction=direction, requested=requested):
            parts.setdefault(key, []).append(object_id)
    passes = (Pass(tuple(objects), turn, frames) for (turn, frames), objects in parts.items())
    return PassPlan(tuple(passes), kept)


def wanted_frames(first_prompted: int, *, direction: Direction, requested: FrameRange) -> range:
    """The frames that Segmenter.propagate makes for an object whose first prompted frame is `first_prompted`."""
    start = max(first_prompted, requested.start)
    if direction is Direction.BOTH:
        return range(requested.start, requested.stop)
    if direction is Direction.FORWARD:
        return range(start, requested.stop)
    return range(requested.start, min(start, requested.stop - 1) + 1)


def total_frames(one: Pass, prompts: PromptSet) -> int:
    """The count of FrameMasks in a pass. A frame visited in both directions counts twice."""
    if one.visited is not None:
        return sum(1 for _ in pass_frames(one, prompts))
    frames = one.frames
    starts = [max(min(prompts.of_object(object_id).prompted_frames), frames.start) for object_id in one.object_ids]
    forward = 0 if one.direction is Direction.BACKWARD else max(frames.stop - min(starts), 0)
    if one.direction is Direction.FORWARD:
        return forward
    skip = 1 if one.direction is Direction.BOTH else 0
    last = max(min(start - skip, frames.stop - 1) for start in starts)
    return forward + max(last - frames.start + 1, 0)


def pass_frames(one: Pass, prompts: PromptSet) -> Iterator[tuple[int, tuple[ObjectId, ...]]]:
    """The frames of a pass in engine order, each with its objects."""
    frames = one.frames
    visited = None if one.visited is None else frozenset(one.visited)
    starts = {i: max(min(prompts.of_object(i).prompted_frames), frames.start) for i in one.object_ids}
    if one.direction is not Direction.BACKWARD:
        for frame in range(min(starts.values()), frames.stop):
            if visited is None or frame in visited:
                yield frame, tuple(i for i, start in starts.items() if frame >= start)
    if one.direction is not Direction.FORWARD:
        skip = 1 if one.direction is Direction.BOTH else 0
        back = {i: min(start - skip, frames.stop - 1) for i, start in starts.items()}
        for frame in range(max(back.values()), frames.start - 1, -1):
            if visited is None or frame in visited:
                yield frame, tuple(i for i, start in back.items() if frame <= start)


def ranges_of(frames: Iterable[int]) -> tuple[FrameRange, ...]:
    """The fewest ranges that cover ascending frame indices."""
    return _joined(range(frame, frame + 1) for frame in frames)


@dataclass(frozen=True, slots=True)
class _History:
    """One object's prompted frames now, the added or changed ones, the removed ones, and its earlier ranges."""

    prompted: Sequence[int]
    changed: frozenset[int]
    removed: frozenset[int]
    covered: tuple[FrameRange, ...]

    @classmethod
    def of(cls, object_id: ObjectId, prompts: PromptSet, earlier: EarlierRun) -> _History:
        new = _digests(prompts.of_object(object_id))
        old = _digests(earlier.prompts.of_object(object_id))
        return cls(
            sorted(new),
            frozenset(frame for frame, digest in new.items() if old.get(frame) != digest),
            frozenset(old.keys() - new.keys()),
            earlier.covered.get(object_id, ()),
        )

    @property
    def first(self) -> int:
        return self.prompted[0]

    def has(self, frames: range) -> bool:
        """Whether the earlier run covers all of these frames."""
        return not frames or any(r.start <= frames.start and frames.stop <= r.stop for r in self.covered)


def _digests(prompts: PromptSet) -> dict[int, str]:
    """The digest of each prompt, by frame."""
    return {prompt.frame_index: PromptSet((prompt,)).digest() for prompt in prompts}


def _ranges(history: _History, *, frame_count: int, wanted: range, scope: Scope) -> list[_Range]:
    """One object's ranges over the whole video. A range with missing frames is recomputed, too."""
    ranges = []
    for start, stop, is_lead in _cuts(history.prompted, frame_count):
        prompt_frame = stop if is_lead else start
        recompute = prompt_frame in history.changed or any(start <= frame < stop for frame in history.removed)
        if scope is Scope.AROUND and stop in history.changed:
            recompute = True
        each = _Range(start, stop, is_lead, recompute)
        recompute = recompute or not history.has(each.clipped(wanted))
        ranges.append(_Range(start, stop, is_lead, recompute))
    return ranges


def _cuts(prompted: Sequence[int], frame_count: int) -> Iterator[tuple[int, int, bool]]:
    if prompted[0] > 0:
        yield 0, prompted[0], True
    for start, stop in itertools.pairwise((*prompted, frame_count)):
        yield start, stop, False


def _kept(history: _History, ranges: Sequence[_Range]) -> tuple[FrameRange, ...]:
    """The valid ranges, and of each recomputed range its unchanged first prompted frame."""
    kept: list[range] = []
    for each in ranges:
        if not each.recompute:
            kept += (each.clipped(range(r.start, r.stop)) for r in history.covered)
        elif not each.is_lead and each.start not in history.changed:
            prompt_frame = range(each.start, each.start + 1)
            kept += [prompt_frame] if history.has(prompt_frame) else []
    return _joined(part for part in kept if part)


def _joined(parts: Iterable[range]) -> tuple[FrameRange, ...]:
    """Ascending ranges, adjacent ones merged."""
    joined: list[range] = []
    for part in parts:
        if joined and joined[-1].stop == part.start:
            joined[-1] = range(joined[-1].start, part.stop)
        else:
            joined.append(part)
    return tuple(FrameRange(FrameIndex(part.start), FrameIndex(part.stop)) for part in joined)


def _not_kept(ranges: Sequence[_Range], kept: tuple[FrameRange, ...], wanted: range) -> tuple[range, ...]:
    """Per group of adjacent recomputed ranges: the frames from its first frame that is not kept to its last."""
    runs = []
    for recompute, group in itertools.groupby(ranges, lambda each: each.recompute):
        parts = [part for each in group if (part := each.clipped(wanted))]
        if recompute and parts:
            missing = range(parts[0].start, parts[-1].stop)
            while missing and any(missing.start in frames for frames in kept):
                missing = missing[1:]
            while missing and any(missing[-1] in frames for frames in kept):
                missing = missing[:-1]
            if missing:
                runs.append(missing)
    return tuple(runs)


def _passes(
    first_prompted: int, missing: Sequence[range], wanted: range, *, direction: Direction, requested: FrameRange
) -> Iterator[tuple[Direction, FrameRange]]:
    """The passes of one object, as (direction, range). If all wanted frames are recomputed: the request's own pass."""
    if len(missing) == 1 and missing[0] == wanted:
        yield direction, requested
        return
    for frames in missing:
        if frames.start >= first_prompted:
            turn = Direction.FORWARD
        else:
            turn = Direction.BACKWARD if frames.stop <= first_prompted else Direction.BOTH
        yield turn, FrameRange(FrameIndex(frames.start), FrameIndex(frames.stop))
