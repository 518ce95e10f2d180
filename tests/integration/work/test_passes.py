"""The real engine makes the frames that the pass plan expects of it."""

from __future__ import annotations

from collections import Counter

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import Pass, total_frames, wanted_frames
from backend.domain.video import Direction, FrameIndex, FrameRange
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
