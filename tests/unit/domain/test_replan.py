"""Which frames new prompts make necessary; the pictures of docs/semantics.md, and what holds for any prompts."""

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
Said = Mapping[ObjectId, Mapping[int, float]]


def frames(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


WHOLE = frames(0, COUNT)


def prompts_of(said: Said) -> PromptSet:
    """Object to frame to where it was clicked."""
    prompts = [
        FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x, 0.5)),))
        for object_id, clicks in said.items()
        for frame, x in clicks.items()
    ]
    return PromptSet.of(prompts, {})


def cat(*human_frames: int, moved: Iterable[int] = ()) -> PromptSet:
    return prompts_of({CAT: {frame: 0.9 if frame in moved else 0.5 for frame in human_frames}})


def after(prompts: PromptSet) -> EarlierRun:
    """A whole run of these prompts."""
    return EarlierRun(prompts, dict.fromkeys(prompts.object_ids, (WHOLE,)))


def planned(then: PromptSet, now: PromptSet, scope: Scope = Scope.ONWARD) -> PassPlan:
    return incremental_pass_plan(
        now, after(then), frame_count=COUNT, direction=Direction.BOTH, requested=WHOLE, scope=scope
    )


def picture(plan: PassPlan, object_id: ObjectId = CAT) -> str:
    """A character a frame: ─ kept, ░ made again."""
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
        assert plan.passes == tuple(Pass((CAT,), way, frames(start, stop)) for way, start, stop in passes)

    @pytest.mark.parametrize(
        ("now", "expected"),
        [(cat(2, 5, 8), "───░░░░░────"), (cat(2, 8, moved=[8]), "───░░░░░░░░░"), (cat(2, 8), "────────────")],
    )
    def test_around_also_makes_the_stretch_before_again(self, now: PromptSet, expected: str) -> None:
        assert picture(planned(cat(2, 8), now, Scope.AROUND)) == expected

    def test_all_keeps_nothing(self) -> None:
        assert planned(cat(2), cat(2), Scope.ALL) == full_pass_plan(cat(2), direction=BOTH, requested=WHOLE)
        assert picture(planned(cat(2), cat(2), Scope.ALL)) == "░" * COUNT

    def test_a_human_frame_between_two_stretches_made_again_stays(self) -> None:
        plan = planned(cat(1, 3, 6, 8), cat(1, 6))
        assert picture(plan) == "──░░░░─░░░░░"
        assert plan.passes == (Pass((CAT,), FORWARD, frames(2, 12)),)

    def test_a_new_object_is_made_whole_and_another_is_left_alone(self) -> None:
        then, now = prompts_of({CAT: {3: 0.5}}), prompts_of({CAT: {3: 0.5}, DOG: {7: 0.5}})
        assert planned(then, now) == PassPlan((Pass((DOG,), BOTH, WHOLE),), {CAT: (WHOLE,)})

    def test_objects_with_the_same_frames_to_make_share_a_pass(self) -> None:
        then = prompts_of({CAT: {0: 0.5, 8: 0.5}, DOG: {2: 0.5, 8: 0.5}})
        now = prompts_of({CAT: {0: 0.5, 5: 0.1, 8: 0.5}, DOG: {2: 0.5, 5: 0.1, 8: 0.5}})
        assert planned(then, now).passes == (Pass((CAT, DOG), FORWARD, frames(5, 8)),)

    def test_an_object_that_is_gone_is_neither_kept_nor_made(self) -> None:
        then, now = prompts_of({CAT: {3: 0.5}, DOG: {7: 0.5}}), prompts_of({CAT: {3: 0.5}})
        assert planned(then, now) == PassPlan((), {CAT: (WHOLE,)})

    def test_frames_that_the_earlier_run_lacks_are_made(self) -> None:
        before = EarlierRun(cat(2, 8), {CAT: (frames(2, 10),)})
        plan = incremental_pass_plan(cat(2, 8), before, frame_count=COUNT, direction=BOTH, requested=WHOLE)
        assert plan.kept == {CAT: (frames(2, 9),)}
        assert plan.passes == (Pass((CAT,), BACKWARD, frames(0, 2)), Pass((CAT,), FORWARD, frames(9, 12)))

    def test_outside_of_what_is_asked_what_still_holds_is_kept_and_the_rest_is_dropped(self) -> None:
        plan = incremental_pass_plan(
            cat(2, 5, 8), after(cat(2, 8)), frame_count=COUNT, direction=BOTH, requested=frames(4, 7)
        )
        assert plan.kept == {CAT: (frames(0, 5), frames(8, 12))}
        assert plan.passes == (Pass((CAT,), FORWARD, frames(5, 7)),)

    def test_no_prompts_are_nothing_to_do(self) -> None:
        assert full_pass_plan(PromptSet(()), direction=BOTH, requested=WHOLE) == PassPlan((), {})
        assert planned(cat(2), PromptSet(())) == PassPlan((), {})


clicks = st.dictionaries(st.integers(0, COUNT - 1), st.sampled_from([0.1, 0.5]), min_size=1, max_size=5)
scripts = st.dictionaries(st.sampled_from([CAT, DOG]), clicks, min_size=1)
frame_ranges = st.tuples(st.integers(0, COUNT - 1), st.integers(1, COUNT)).map(
    lambda pair: frames(pair[0], pair[0] + pair[1])
)
clipped_ranges = frame_ranges.map(lambda frame_range: frames(frame_range.start, min(frame_range.stop, COUNT)))


def made(plan: PassPlan, prompts: PromptSet) -> dict[ObjectId, list[int]]:
    """The frames of each object that the passes yield and the plan does not keep, as often as they come."""
    yielded: dict[ObjectId, list[int]] = {object_id: [] for object_id in prompts.object_ids}
    for one in plan.passes:
        for object_id in one.object_ids:
            first = min(prompts.of_object(object_id).prompted_frames)
            wanted = wanted_frames(first, direction=one.direction, requested=one.frames)
            yielded[object_id] += [frame for frame in wanted if not plan.keeps(object_id, frame)]
    return yielded


class TestAnyPrompts:
    @given(scripts, scripts, st.sampled_from(Scope), st.sampled_from(Direction), clipped_ranges, clipped_ranges)
    def test_kept_and_made_cover_what_is_asked_exactly_once(
        self, then: Said, now: Said, scope: Scope, direction: Direction, had: FrameRange, frame_range: FrameRange
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
    def test_a_human_frame_that_did_not_change_is_never_replaced(self, then: Said, now: Said, scope: Scope) -> None:
        plan = planned(prompts_of(then), prompts_of(now), scope)
        for object_id, said in now.items():
            for frame, where in said.items():
                if then.get(object_id, {}).get(frame) == where:
                    assert plan.keeps(object_id, frame)

    @given(scripts, st.sampled_from([Scope.ONWARD, Scope.AROUND]))
    def test_no_change_is_nothing_to_do(self, said: Said, scope: Scope) -> None:
        prompts = prompts_of(said)
        assert planned(prompts, prompts, scope) == PassPlan((), dict.fromkeys(prompts.object_ids, (WHOLE,)))

    @given(clicks, st.integers(0, COUNT - 1))
    def test_one_correction_touches_its_own_stretch_only(self, said: dict[int, float], at: int) -> None:
        plan = planned(prompts_of({CAT: said}), prompts_of({CAT: {**said, at: 0.9}}))
        others = [frame for frame in said if frame != at]
        start = at if any(frame < at for frame in others) else 0
        stop = min((frame for frame in others if frame > at), default=COUNT)
        assert picture(plan) == "─" * start + "░" * (stop - start) + "─" * (COUNT - stop)

    @given(scripts, scripts)
    def test_around_makes_no_less_than_onward(self, then: Said, now: Said) -> None:
        onward, around = (planned(prompts_of(then), prompts_of(now), s) for s in (Scope.ONWARD, Scope.AROUND))
        for object_id in now:
            for frame in range(COUNT):
                assert onward.keeps(object_id, frame) or not around.keeps(object_id, frame)


@given(st.sets(st.integers(0, 30)))
def test_ranges_say_the_same_frames(some: set[int]) -> None:
    ranges = ranges_of(sorted(some))
    assert [frame for r in ranges for frame in range(r.start, r.stop)] == sorted(some)
    assert all(left.stop < right.start for left, right in itertools.pairwise(ranges))
