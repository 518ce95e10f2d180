"""The frames that a pass decodes and encodes, the size of a batch, and equal masks in all cases."""

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
    """Records the batch size of each encoder call; the features of a frame are its mean."""

    def __init__(self) -> None:
        super().__init__(random_model())
        self.calls: list[int] = []

    def encode_image(self, image: Tensor) -> ImageFeatures:
        self.calls.append(image.size(0))
        return ImageFeatures((image.mean(dim=(1, 2, 3))[:, None, None, None],))


@pytest.fixture(scope="module")
def blocks() -> CountingBlocks:
    return CountingBlocks()


def loader_of(blocks: CountingBlocks, *, lookahead: int = 1, kept: int = 100) -> FeatureLoader:
    blocks.calls.clear()
    return FeatureLoader(blocks, FeatureCache(4 * kept, device=blocks.device), KIND, lookahead=lookahead)


def load(
    loader: FeatureLoader,
    video: PanningVideo,
    start: int = 0,
    stop: int | None = None,
    *,
    backward: bool = False,
    is_needed: Callable[[int], bool] = lambda _: True,
) -> dict[int, float | None]:
    frame_range = FrameRange(FrameIndex(start), FrameIndex(video.info.frame_count if stop is None else stop))
    loaded = loader.frames(video, frame_range, backward=backward, is_needed=is_needed)
    return {index: None if found is None else float(found.levels[0]) for index, found in loaded}


def means(blocks: CountingBlocks, count: int) -> dict[int, float]:
    """The features of every frame, loaded one by one."""
    alone = loader_of(blocks)
    found = {index: float(alone.one(PanningVideo(count), index).levels[0]) for index in range(count)}
    assert len(set(found.values())) == count
    return found


def test_frames_are_loaded_in_the_order_of_the_pass(blocks: CountingBlocks) -> None:
    expected = means(blocks, 10)
    assert load(loader_of(blocks, lookahead=4), PanningVideo(10)) == pytest.approx(expected)
    backward = load(loader_of(blocks, lookahead=4), PanningVideo(10), backward=True)
    assert list(backward) == list(range(9, -1, -1))
    assert backward == pytest.approx(expected)


def test_a_second_pass_decodes_and_encodes_nothing(blocks: CountingBlocks) -> None:
    warm, video = loader_of(blocks), PanningVideo(10)
    first = load(warm, video)
    video.read.clear()
    blocks.calls.clear()
    assert load(warm, video, backward=True) == first
    assert (video.read, blocks.calls) == ([], [])


def test_only_missing_frames_are_encoded(blocks: CountingBlocks) -> None:
    expected, warm, video = means(blocks, 10), loader_of(blocks), PanningVideo(10)
    for index in (3, 4, 7):
        warm.one(video, index)
    blocks.calls.clear()
    assert load(warm, video) == pytest.approx(expected)
    assert blocks.calls == [1] * 7


def test_a_pass_seeks_over_many_known_frames_only(blocks: CountingBlocks) -> None:
    video, warm = PanningVideo(60), loader_of(blocks)
    load(warm, video, 5, 15)
    video.read.clear()
    load(warm, video, 0, 20)
    assert video.read == list(range(20))
    video, warm = PanningVideo(60), loader_of(blocks)
    load(warm, video, 5, 50)
    video.read.clear()
    load(warm, video)
    assert video.read == [*range(5), *range(50, 60)]


def test_frames_that_are_not_needed_are_not_decoded(blocks: CountingBlocks) -> None:
    video, cold = PanningVideo(50), loader_of(blocks, lookahead=3)
    found = load(cold, video, is_needed=lambda index: index < 2 or index > 45)
    assert [index for index, mean in found.items() if mean is not None] == [0, 1, 46, 47, 48, 49]
    assert video.read == [0, 1, 46, 47, 48, 49]
    assert blocks.calls == [3, 3, 3]


def test_each_call_has_the_same_number_of_frames(blocks: CountingBlocks) -> None:
    load(loader_of(blocks, lookahead=4), PanningVideo(10))
    assert blocks.calls == [4, 4, 4]


def test_a_cache_that_is_too_small_costs_time_only(blocks: CountingBlocks) -> None:
    expected, small, video = means(blocks, 12), loader_of(blocks, lookahead=4, kept=2), PanningVideo(12)
    for _ in range(2):
        assert load(small, video) == pytest.approx(expected)
    assert len(small.cache) == 2


def masks(engine: Sam2Engine, video: PanningVideo) -> list[FrameMasks]:
    return list(engine.propagate(video, BOX, direction=Direction.FORWARD, cancel=NeverCancelled()))


def content(frames: list[FrameMasks]) -> list[object]:
    return [(item.mask.tobytes(), item.evidence) for frame in frames for item in frame.objects]


def test_cache_and_lookahead_leave_the_masks_bit_identical() -> None:
    keeping, video = random_engine(cached_frames=20), PanningVideo(12)
    first = content(masks(keeping, video))
    video.read.clear()
    assert content(masks(keeping, video)) == first
    assert video.read == []
    assert content(masks(random_engine(cached_frames=0), PanningVideo(12))) == first
    assert content(masks(random_engine(cached_frames=0, lookahead=4), PanningVideo(12))) == first


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
