"""The engine yields frames in the order of `pass_frames`; a resumed scorer relies on this order."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Pass, pass_frames
from backend.domain.video import Direction
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import PanningVideo
from tests.integration.engine.test_engine import boxed, click, frames


@pytest.fixture(scope="module")
def engine() -> Sam2Engine:
    torch.set_num_threads(1)
    return random_engine()


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("frame_range", [(0, 8), (3, 6), (0, 3), (5, 8)])
def test_the_engine_yields_the_planned_steps(
    engine: Sam2Engine, direction: Direction, frame_range: tuple[int, int]
) -> None:
    prompts = PromptSet.of([click(2), boxed(4)], {})
    one = Pass(prompts.object_ids, direction, frames(*frame_range))
    made = engine.propagate(
        PanningVideo(8), prompts, direction=direction, frame_range=one.frames, cancel=NeverCancelled()
    )
    order: list[tuple[int, tuple[ObjectId, ...]]] = [
        (int(masks.frame_index), tuple(item.object_id for item in masks.objects)) for masks in made
    ]
    assert list(pass_frames(one, prompts)) == order
