"""Which frames a pass decodes and encodes, how many at once, and that none of it changes a mask."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.features.cache import FeatureCache, FeatureKind
from backend.adapters.sam2.features.loader import FeatureLoader
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import Cancelled
from backend.domain.geometry import Box
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.models import random_engine, random_model
from tests.integration.engine.oracle import PanningVideo

KIND = FeatureKind("masklet-random-00000000", 128, "float32")
BOX = PromptSet.of([FramePrompt(ObjectId("a"), FrameIndex(0), box=Box(0.2, 0.25, 0.7, 0.9))], {})


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class CountingBlocks(Sam2Blocks):
    """Says how many frames each encoder call had; encodes nothing, but marks each frame with its own mean."""

    def __init__(self) -> None:
        super().__init__(random_model())
        self.calls: list[int] = []

    def encode_image(self, image: Tensor) -> ImageFeatures:
        self.calls.append(image.size(0))
        return ImageFeatures((image.mean(dim=(1, 2, 3))[:, None, None, None],))


@pytest.fixture(scope="module")
def blocks() -> CountingBlocks:
    return CountingBlocks()


def supply(blocks: CountingBlocks, *, lookahead: int = 1, kept: int = 100) -> FeatureLoader:
    blocks.calls.clear()
    return FeatureLoader(blocks, FeatureCache(4 * kept, device=blocks.device), KIND, lookahead=lookahead)


def walk(
    supply: FeatureLoader,
    video: PanningVideo,
    start: int = 0,
    stop: int | None = None,
    *,
    backward: bool = False,
    is_needed: Callable[[int], bool] = lambda _: True,
) -> dict[int, float | None]:
    span = FrameRange(FrameIndex(start), FrameIndex(video.info.frame_count if stop is None else stop))
    seen = supply.frames(video, span, backward=backward, is_needed=is_needed)
    return {index: None if found is None else float(found.levels[0]) for index, found in seen}


def marks(blocks: CountingBlocks, count: int) -> dict[int, float]:
    """The mark of every frame, asked for one by one."""
    alone = supply(blocks)
    found = {index: float(alone.one(PanningVideo(count), index).levels[0]) for index in range(count)}
    assert len(set(found.values())) == count
    return found


def test_every_frame_gets_its_own_features_in_order_of_travel(blocks: CountingBlocks) -> None:
    expected = marks(blocks, 10)
    assert walk(supply(blocks, lookahead=4), PanningVideo(10)) == pytest.approx(expected)
    backward = walk(supply(blocks, lookahead=4), PanningVideo(10), backward=True)
    assert list(backward) == list(range(9, -1, -1))
    assert backward == pytest.approx(expected)


def test_a_second_pass_decodes_and_encodes_nothing(blocks: CountingBlocks) -> None:
    warm, video = supply(blocks), PanningVideo(10)
    first = walk(warm, video)
    video.read.clear()
    blocks.calls.clear()
    assert walk(warm, video, backward=True) == first
    assert (video.read, blocks.calls) == ([], [])


def test_only_what_is_missing_is_encoded(blocks: CountingBlocks) -> None:
    expected, warm, video = marks(blocks, 10), supply(blocks), PanningVideo(10)
    for index in (3, 4, 7):
        warm.one(video, index)
    blocks.calls.clear()
    assert walk(warm, video) == pytest.approx(expected)
    assert blocks.calls == [1] * 7


def test_a_long_stretch_of_known_frames_is_jumped_over_and_a_short_one_read_through(blocks: CountingBlocks) -> None:
    video, warm = PanningVideo(60), supply(blocks)
    walk(warm, video, 5, 15)
    video.read.clear()
    walk(warm, video, 0, 20)
    assert video.read == list(range(20))
    video, warm = PanningVideo(60), supply(blocks)
    walk(warm, video, 5, 50)
    video.read.clear()
    walk(warm, video)
    assert video.read == [*range(5), *range(50, 60)]


def test_frames_that_nobody_waits_for_are_neither_decoded_nor_encoded(blocks: CountingBlocks) -> None:
    video, cold = PanningVideo(50), supply(blocks, lookahead=3)
    found = walk(cold, video, is_needed=lambda index: index < 2 or index > 45)
    assert [index for index, mark in found.items() if mark is not None] == [0, 1, 46, 47, 48, 49]
    assert video.read == [0, 1, 46, 47, 48, 49]
    assert blocks.calls == [3, 3, 3]


def test_each_call_has_the_same_number_of_frames(blocks: CountingBlocks) -> None:
    walk(supply(blocks, lookahead=4), PanningVideo(10))
    assert blocks.calls == [4, 4, 4]


def test_a_cache_that_is_too_small_costs_time_only(blocks: CountingBlocks) -> None:
    expected, small, video = marks(blocks, 12), supply(blocks, lookahead=4, kept=2), PanningVideo(12)
    for _ in range(2):
        assert walk(small, video) == pytest.approx(expected)
    assert len(small.cache) == 2


def masks(engine: Sam2Engine, video: PanningVideo) -> list[FrameMasks]:
    return list(engine.propagate(video, BOX, direction=Direction.FORWARD, cancel=NeverCancelled()))


def said(frames: list[FrameMasks]) -> list[object]:
    return [(item.mask.tobytes(), item.evidence) for frame in frames for item in frame.objects]


def test_with_or_without_kept_features_or_lookahead_the_masks_are_bit_for_bit_the_same() -> None:
    keeping, video = random_engine(cached_frames=20), PanningVideo(12)
    first = said(masks(keeping, video))
    video.read.clear()
    assert said(masks(keeping, video)) == first
    assert video.read == []
    assert said(masks(random_engine(cached_frames=0), PanningVideo(12))) == first
    assert said(masks(random_engine(cached_frames=0, lookahead=4), PanningVideo(12))) == first


def test_cancelling_wastes_one_batch_at_most() -> None:
    class After:
        left = 3

        def raise_if_cancelled(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise Cancelled("stopped")

    video = PanningVideo(40)
    run = random_engine(lookahead=4).propagate(video, BOX, direction=Direction.FORWARD, cancel=After())
    with pytest.raises(Cancelled):
        list(run)
    assert max(video.read) == 4
