"""The real engine makes the frames that the pass plan expects of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.application.worker.visited_frames import propagate_pass
from backend.domain.frame_grid import FrameGrid, grid_pass_plan
from backend.domain.geometry import Point, RgbFrame
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import Pass, pass_frames, total_frames, wanted_frames
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange, VideoInfo
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import PanningVideo

COUNT = 10
_engines: list[Sam2Engine] = []

prompted_frames = st.dictionaries(
    st.sampled_from("ab"), st.sets(st.integers(0, COUNT - 1), min_size=1, max_size=3), min_size=1, max_size=2
)
ranges = st.tuples(st.integers(0, COUNT - 1), st.integers(1, COUNT)).map(
    lambda pair: FrameRange(FrameIndex(pair[0]), FrameIndex(min(pair[0] + pair[1], COUNT)))
)


def shared_engine() -> Sam2Engine:
    if not _engines:
        torch.set_num_threads(1)
        _engines.append(random_engine())
    return _engines[0]


def prompts_of(frames: dict[str, set[int]]) -> PromptSet:
    prompts = (
        FramePrompt(ObjectId(name), FrameIndex(frame), (PointPrompt(Point(0.5, 0.5)),))
        for name, own in frames.items()
        for frame in own
    )
    return PromptSet.of(prompts, {})


@given(prompted_frames, st.sampled_from(Direction), ranges)
@settings(max_examples=200)
def test_the_engine_makes_the_planned_count_of_frames(
    frames: dict[str, set[int]], direction: Direction, frame_range: FrameRange
) -> None:
    prompts = prompts_of(frames)
    propagation = shared_engine().propagate(
        PanningVideo(COUNT), prompts, direction=direction, frame_range=frame_range, cancel=NeverCancelled()
    )
    assert propagation.total == total_frames(Pass(prompts.object_ids, direction, frame_range), prompts)


@given(prompted_frames, st.sampled_from(Direction), ranges)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_the_engine_makes_the_planned_frames(
    frames: dict[str, set[int]], direction: Direction, frame_range: FrameRange
) -> None:
    # A backward pass from a prompt before the range has no memory to start from: SAM 2 has no pointer then.
    assume(direction is not Direction.BACKWARD or all(min(own) >= frame_range.start for own in frames.values()))
    prompts = prompts_of(frames)
    made = Counter(
        (shown.object_id, masks.frame_index)
        for masks in shared_engine().propagate(
            PanningVideo(COUNT), prompts, direction=direction, frame_range=frame_range, cancel=NeverCancelled()
        )
        for shown in masks.objects
    )
    planned = Counter(
        (ObjectId(name), FrameIndex(frame))
        for name, own in frames.items()
        for frame in wanted_frames(min(own), direction=direction, requested=frame_range)
    )
    assert made == planned


@given(prompted_frames, st.sampled_from(Direction), ranges, st.integers(0, COUNT - 1), st.integers(1, 4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_the_engine_makes_the_planned_frames_of_a_grid(
    frames: dict[str, set[int]], direction: Direction, frame_range: FrameRange, start: int, stride: int
) -> None:
    assume(direction is not Direction.BACKWARD or all(min(own) >= frame_range.start for own in frames.values()))
    prompts = prompts_of(frames)
    plan = grid_pass_plan(prompts, FrameGrid(FrameIndex(start), stride), direction=direction, requested=frame_range)
    for one in plan.passes:
        own = prompts.only(one.object_ids)
        propagation = propagate_pass(shared_engine(), PanningVideo(COUNT), own, one, cancel=NeverCancelled())
        assert propagation.total == total_frames(one, own)
        made = [(masks.frame_index, {shown.object_id for shown in masks.objects}) for masks in propagation]
        assert made == [(frame, set(objects)) for frame, objects in pass_frames(one, own)]


class EveryFourth(PanningVideo):
    """Frames 1, 5 and 9 of a panning video, as a video of its own."""

    @property
    def info(self) -> VideoInfo:
        return replace(super().info, frame_count=3, content_hash=ContentHash("4" * 64))

    def frame(self, index: FrameIndex) -> RgbFrame:
        return super().frame(FrameIndex(1 + 4 * index))


def test_masks_of_a_grid_are_those_of_a_video_of_its_frames() -> None:
    prompts = prompts_of({"a": {1}})
    wanted = FrameRange(FrameIndex(1), FrameIndex(COUNT))
    plan = grid_pass_plan(prompts, FrameGrid(FrameIndex(1), 4), direction=Direction.FORWARD, requested=wanted)
    (one,) = plan.passes
    made = list(propagate_pass(shared_engine(), PanningVideo(COUNT), prompts, one, cancel=NeverCancelled()))
    of_three = shared_engine().propagate(
        EveryFourth(COUNT), prompts_of({"a": {0}}), direction=Direction.FORWARD, cancel=NeverCancelled()
    )
    assert [masks.frame_index for masks in made] == [1, 5, 9]
    for mine, theirs in zip(made, of_three, strict=True):
        assert np.array_equal(mine.objects[0].mask, theirs.objects[0].mask)
        assert mine.objects[0].evidence == theirs.objects[0].evidence
