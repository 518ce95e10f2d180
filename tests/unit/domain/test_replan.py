"""The frames that new prompts recompute: the pictures of docs/semantics.md, and properties of any prompts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import (
    EarlierRun,
    Pass,
    PassPlan,
    Scope,
    full_pass_plan,
    incremental_pass_plan,
    ranges_of,
    wanted_frames,
)
from backend.domain.video import Direction, FrameIndex, FrameRange

CAT, DOG = ObjectId("cat"), ObjectId("dog")
COUNT = 12
Clicks = Mapping[ObjectId, Mapping[int, float]]


def frames(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


WHOLE = frames(0, COUNT)


def prompts_of(clicked: Clicks) -> PromptSet:
    """Prompts of object to frame to the click's x (relative, 0..1)."""
    prompts = [
        FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x, 0.5)),))
        for object_id, clicks in clicked.items()
        for frame, x in clicks.items()
    ]
    return PromptSet.of(prompts, {})


def cat(*human_frames: int, moved: Iterable[int] = ()) -> PromptSet:
    return prompts_of({CAT: {frame: 0.9 if frame in moved else 0.5 for frame in human_frames}})


def after(prompts: PromptSet) -> EarlierRun:
    """A complete run of these prompts."""
    return EarlierRun(prompts, dict.fromkeys(prompts.object_ids, (WHOLE,)))


def planned(then: PromptSet, now: PromptSet, scope: Scope = Scope.ONWARD) -> PassPlan:
    return incremental_pass_plan(
        now, after(then), frame_count=COUNT, direction=Direction.BOTH, requested=WHOLE, scope=scope
    )


def picture(plan: PassPlan, object_id: ObjectId = CAT) -> str:
    """One character per frame: ─ kept, ░ recomputed."""
    return "".join("─" if plan.keeps(object_id, frame) else "░" for frame in range(COUNT))


FORWARD, BACKWARD, BOTH = Direction.FORWARD, Direction.BACKWARD, Direction.BOTH


class TestPictures:
    @pytest.mark.parametrize(
        ("now", "expected", "passes"),
        [
            (cat(2, 8), "────────────", []),
            (cat(2, 5, 8), "─────░░░────", [(FORWARD, 5, 8)]),
            (cat(2, 8, 10), "──────────░░", [(FORWARD, 10, 12)]),
            (cat(2, 8, moved=[8]), "────────░░░░", [(FORWARD, 8, 12)]),
            (cat(0, 2, 8), "░░──────────", [(FORWARD, 0, 2)]),
            (cat(1, 2, 8), "░░──────────", [(BOTH, 0, 2)]),
            (cat(2, 8, moved=[2]), "░░░░░░░░────", [(BOTH, 0, 8)]),
            (cat(2), "───░░░░░░░░░", [(FORWARD, 3, 12)]),
            (cat(8), "░░░░░░░░────", [(BACKWARD, 0, 8)]),
            (cat(2, 4, 6, 8), "────░░░░────", [(FORWARD, 4, 8)]),
            (cat(2, 5, 8, moved=[8]), "─────░░░░░░░", [(FORWARD, 5, 12)]),
            (cat(2, 3, 8, 10), "───░░░░░──░░", [(FORWARD, 3, 8), (FORWARD, 10, 12)]),
            (cat(5), "░░░░░░░░░░░░", [(BOTH, 0, 12)]),
        ],
        ids=[
            "nothing new",
            "a correction between two human frames",
            "after the last one",
            "a changed prompt",
            "on the first frame",
            "before the first human frame",
            "the first prompt changed",
            "the last prompt taken away",
            "the first prompt taken away",
            "two corrections in a row are one pass",
            "a correction and a change in a row",
            "two corrections apart are two passes",
            "all of it elsewhere",
        ],
    )
    def test_onward(self, now: PromptSet, expected: str, passes: list[tuple[Direction, int, int]]) -> None:
        plan = planned(cat(2, 8), now)
        assert picture(plan) == expected
        assert plan.passes == tuple(
            Pass((CAT,), pass_direction, frames(start, stop)) for pass_direction, start, stop in passes
        )

    @pytest.mark.parametrize(
        ("now", "expected"),
        [(cat(2, 5, 8), "───░░░░░────"), (cat(2, 8, moved=[8]), "───░░░░░░░░░"), (cat(2, 8), "────────────")],
    )
    def test_around_also_recomputes_the_range_before(self, now: PromptSet, expected: str) -> None:
        assert picture(planned(cat(2, 8), now, Scope.AROUND)) == expected

    def test_all_recomputes_everything(self) -> None:
        assert planned(cat(2), cat(2), Scope.ALL) == full_pass_plan(cat(2), direction=BOTH, requested=WHOLE)
        assert picture(planned(cat(2), cat(2), Scope.ALL)) == "░" * COUNT

    def test_a_human_frame_between_two_recomputed_ranges_is_kept(self) -> None:
        plan = planned(cat(1, 3, 6, 8), cat(1, 6))
        assert picture(plan) == "──░░░░─░░░░░"
        assert plan.passes == (Pass((CAT,), FORWARD, frames(2, 12)),)

    def test_a_new_object_is_computed_and_others_are_kept(self) -> None:
        then, now = prompts_of({CAT: {3: 0.5}}), prompts_of({CAT: {3: 0.5}, DOG: {7: 0.5}})
        assert planned(then, now) == PassPlan((Pass((DOG,), BOTH, WHOLE),), {CAT: (WHOLE,)})

    def test_objects_with_equal_frames_to_compute_share_a_pass(self) -> None:
        then = prompts_of({CAT: {0: 0.5, 8: 0.5}, DOG: {2: 0.5, 8: 0.5}})
        now = prompts_of({CAT: {0: 0.5, 5: 0.1, 8: 0.5}, DOG: {2: 0.5, 5: 0.1, 8: 0.5}})
        assert planned(then, now).passes == (Pass((CAT, DOG), FORWARD, frames(5, 8)),)

    def test_a_removed_object_is_neither_kept_nor_computed(self) -> None:
        then, now = prompts_of({CAT: {3: 0.5}, DOG: {7: 0.5}}), prompts_of({CAT: {3: 0.5}})
        assert planned(then, now) == PassPlan((), {CAT: (WHOLE,)})

    def test_frames_missing_in_the_earlier_run_are_computed(self) -> None:
        before = EarlierRun(cat(2, 8), {CAT: (frames(2, 10),)})
        plan = incremental_pass_plan(cat(2, 8), before, frame_count=COUNT, direction=BOTH, requested=WHOLE)
        assert plan.kept == {CAT: (frames(2, 9),)}
        assert plan.passes == (Pass((CAT,), BACKWARD, frames(0, 2)), Pass((CAT,), FORWARD, frames(9, 12)))

    def test_outside_the_requested_range_only_valid_masks_are_kept(self) -> None:
        plan = incremental_pass_plan(
            cat(2, 5, 8), after(cat(2, 8)), frame_count=COUNT, direction=BOTH, requested=frames(4, 7)
        )
        assert plan.kept == {CAT: (frames(0, 5), frames(8, 12))}
        assert plan.passes == (Pass((CAT,), FORWARD, frames(5, 7)),)

    def test_without_prompts_the_plan_is_empty(self) -> None:
        assert full_pass_plan(PromptSet(()), direction=BOTH, requested=WHOLE) == PassPlan((), {})
        assert planned(cat(2), PromptSet(())) == PassPlan((), {})


clicks = st.dictionaries(st.integers(0, COUNT - 1), st.sampled_from([0.1, 0.5]), min_size=1, max_size=5)
scripts = st.dictionaries(st.sampled_from([CAT, DOG]), clicks, min_size=1)
frame_ranges = st.tuples(st.integers(0, COUNT - 1), st.integers(1, COUNT)).map(
    lambda pair: frames(pair[0], pair[0] + pair[1])
)
clipped_ranges = frame_ranges.map(lambda frame_range: frames(frame_range.start, min(frame_range.stop, COUNT)))


def made(plan: PassPlan, prompts: PromptSet) -> dict[ObjectId, list[int]]:
    """The frames of each object that the passes yield and the plan does not keep, with repetitions."""
    yielded: dict[ObjectId, list[int]] = {object_id: [] for object_id in prompts.object_ids}
    for one in plan.passes:
        for object_id in one.object_ids:
            first = min(prompts.of_object(object_id).prompted_frames)
            wanted = wanted_frames(first, direction=one.direction, requested=one.frames)
            yielded[object_id] += [frame for frame in wanted if not plan.keeps(object_id, frame)]
    return yielded


class TestAnyPrompts:
    @given(scripts, scripts, st.sampled_from(Scope), st.sampled_from(Direction), clipped_ranges, clipped_ranges)
    def test_kept_and_computed_frames_cover_the_range_once(
        self, then: Clicks, now: Clicks, scope: Scope, direction: Direction, had: FrameRange, frame_range: FrameRange
    ) -> None:
        prompts = prompts_of(now)
        before = EarlierRun(prompts_of(then), dict.fromkeys(then, (had,)))
        plan = incremental_pass_plan(
            prompts, before, frame_count=COUNT, direction=direction, requested=frame_range, scope=scope
        )
        for object_id, frames_made in made(plan, prompts).items():
            first = min(now[object_id])
            kept = {frame for frame in range(COUNT) if plan.keeps(object_id, frame)}
            wanted = set(wanted_frames(first, direction=direction, requested=frame_range))
            assert sorted(frames_made) == sorted(wanted - kept)
            assert kept <= (set(range(had.start, had.stop)) if object_id in then else set())

    @given(scripts, scripts, st.sampled_from([Scope.ONWARD, Scope.AROUND]))
    def test_an_unchanged_human_frame_is_always_kept(self, then: Clicks, now: Clicks, scope: Scope) -> None:
        plan = planned(prompts_of(then), prompts_of(now), scope)
        for object_id, clicked in now.items():
            for frame, where in clicked.items():
                if then.get(object_id, {}).get(frame) == where:
                    assert plan.keeps(object_id, frame)

    @given(scripts, st.sampled_from([Scope.ONWARD, Scope.AROUND]))
    def test_unchanged_prompts_need_no_pass(self, clicked: Clicks, scope: Scope) -> None:
        prompts = prompts_of(clicked)
        assert planned(prompts, prompts, scope) == PassPlan((), dict.fromkeys(prompts.object_ids, (WHOLE,)))

    @given(clicks, st.integers(0, COUNT - 1))
    def test_one_correction_recomputes_its_own_range_only(self, clicked: dict[int, float], at: int) -> None:
        plan = planned(prompts_of({CAT: clicked}), prompts_of({CAT: {**clicked, at: 0.9}}))
        others = [frame for frame in clicked if frame != at]
        start = at if any(frame < at for frame in others) else 0
        stop = min((frame for frame in others if frame > at), default=COUNT)
        assert picture(plan) == "─" * start + "░" * (stop - start) + "─" * (COUNT - stop)

    @given(scripts, scripts)
    def test_around_recomputes_all_that_onward_does(self, then: Clicks, now: Clicks) -> None:
        onward, around = (planned(prompts_of(then), prompts_of(now), s) for s in (Scope.ONWARD, Scope.AROUND))
        for object_id in now:
            for frame in range(COUNT):
                assert onward.keeps(object_id, frame) or not around.keeps(object_id, frame)


@given(st.sets(st.integers(0, 30)))
def test_ranges_have_the_same_frames(some: set[int]) -> None:
    ranges = ranges_of(sorted(some))
    assert [frame for r in ranges for frame in range(r.start, r.stop)] == sorted(some)
    assert all(left.stop < right.start for left, right in itertools.pairwise(ranges))
