"""The lanes of the timeline, and the order in which uncertain frames come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.application.player.propagation import WantedRange
from backend.application.player.timeline import Timeline, Timelines
from backend.domain.prompts import FramePrompt
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.player.builders import BOB, CAT, DOG, Player, click, opened_for

ONWARD = WantedRange(FrameIndex(0), Direction.FORWARD)


def ranges(found: tuple[FrameRange, ...]) -> list[tuple[int, int]]:
    return [(each.start, each.stop) for each in found]


def timeline(player: Player, user: str = "") -> Timeline:
    timelines = Timelines(player.masks, MemoryKeyValueStore())
    return timelines.of(opened_for(user).user_task if user else player.edits().opened.user_task)


def test_a_lane_shows_the_frames_with_masks() -> None:
    player = Player()
    player.put(click(2))
    player.propagations().start(player.edits().opened, replace(ONWARD, start=FrameIndex(2), count=4))
    player.parts.work_off()
    lane = timeline(player).lanes[CAT]
    assert (ranges(lane.present), lane.absent, lane.human) == ([(2, 7)], (), ())
    assert [frame for frame, _ in lane.uncertainty] == [2, 3, 4, 5, 6]


def test_a_click_alone_is_on_the_lane() -> None:
    player = Player()
    player.put(click(4, DOG))
    assert ranges(timeline(player).lanes[DOG].present) == [(4, 5)]


def test_drawn_frames_are_human_and_an_empty_mask_is_absence() -> None:
    player = Player()
    drawn = np.zeros((8, 16), np.bool_)
    player.put(FramePrompt(CAT, FrameIndex(5), mask=drawn.copy()))
    drawn[0] = True
    player.put(FramePrompt(CAT, FrameIndex(3), mask=drawn))
    lane = timeline(player).lanes[CAT]
    assert (ranges(lane.present), ranges(lane.absent), lane.human) == ([(3, 4)], [(5, 6)], (3, 5))
    assert lane.uncertainty == ()


def test_uncertain_frames_come_in_the_order_of_gain() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, ONWARD)
    assert timeline(player).next_uncertain == ()
    player.parts.work_off()
    found = timeline(player).next_uncertain
    assert [each.gain for each in found] == sorted((each.gain for each in found), reverse=True)
    assert 0 not in {each.frame_index for each in found}
    assert {each.object_id for each in found} == {CAT}


def test_a_timeline_follows_a_running_propagation() -> None:
    player = Player()
    timelines = Timelines(player.masks, MemoryKeyValueStore())
    user_task = player.edits().opened.user_task
    player.put(click(0))
    player.propagations().start(player.edits().opened, replace(ONWARD, count=3))
    player.parts.work_off()
    assert ranges(timelines.of(user_task).lanes[CAT].present) == [(0, 4)]
    player.propagations().start(player.edits().opened, ONWARD)
    player.parts.work_off()
    assert ranges(timelines.of(user_task).lanes[CAT].present) == [(0, 10)]
    player.parts.clock.advance(1)
    player.edits().forget(CAT)
    assert timelines.of(user_task).lanes == {}


def test_a_timeline_shows_nothing_of_another_user() -> None:
    player = Player()
    player.put(click(4))
    assert timeline(player, BOB).lanes == {}
