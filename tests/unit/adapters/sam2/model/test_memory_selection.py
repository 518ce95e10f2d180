"""The memories that an object attends, their batches, and the limit of prompted frames."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_selection import FramePosition, Memories, MemoryFrame, SelectedMemory
from backend.adapters.sam2.model.tensors import ImageFeatures
from tests.fakes.models import random_model

SIDE, WIDTH, DEPTH = 8, 64, 128


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def memory(index: int) -> MemoryFrame:
    generator = torch.Generator().manual_seed(index)
    features = torch.randn(1, SIDE * SIDE, WIDTH, generator=generator).to(torch.bfloat16)
    return MemoryFrame(features, torch.randn(1, DEPTH, generator=generator))


def memories(prompted: list[int], tracked: list[int]) -> Memories:
    return Memories({i: memory(i) for i in prompted}, {i: memory(i) for i in tracked})


def select(
    blocks: Sam2Blocks, prompted: list[int], tracked: list[int], frame: int, *, backward: bool = False
) -> SelectedMemory:
    return blocks.select_memory(memories(prompted, tracked), FramePosition(frame, 100, backward))


@pytest.fixture(scope="module")
def blocks() -> Sam2Blocks:
    return Sam2Blocks(random_model())


def test_forward_selects_prompted_frames_six_frames_and_pointers(blocks: Sam2Blocks) -> None:
    got = select(blocks, [0, 50], list(range(1, 30)), 30)
    assert got.ages == (0, 0, 6, 5, 4, 3, 2, 1)
    assert got.distances == (30, *range(1, 16))


def test_a_backward_selection_is_mirrored(blocks: Sam2Blocks) -> None:
    got = select(blocks, [0, 50], list(range(31, 50)), 30, backward=True)
    assert got.ages == (0, 0, 6, 5, 4, 3, 2, 1)
    assert got.distances == (20, *range(1, 16))


def test_objects_with_memories_of_one_shape_make_one_batch(
    blocks: Sam2Blocks,
) -> None:
    early, late = select(blocks, [3], list(range(4, 40)), 40), select(blocks, [9], list(range(10, 40)), 40)
    assert early.shape == late.shape
    assert early.shape != select(blocks, [3, 9], list(range(10, 40)), 40).shape
    assert early.shape != select(blocks, [38], [39], 40).shape
    features = ImageFeatures((torch.randn(1, DEPTH, SIDE, SIDE, generator=torch.Generator().manual_seed(0)),))
    position = FramePosition(40, 100, backward=False)
    with torch.inference_mode():
        together = blocks.attend_memory(features, [early, late], position)
        for row, alone in zip(torch.split(together, 1), (early, late), strict=True):
            assert torch.allclose(row, blocks.attend_memory(features, [alone], position), atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


@pytest.mark.parametrize("most", [2, 3])
def test_the_limit_keeps_the_prompted_frames_of_the_reference(most: int) -> None:
    model = random_model()
    prompted, tracked, frame = [0, 10, 21, 24, 40], [20, 22, 23, 25], 26
    bounded = Sam2Blocks(random_model(), max_prompted=most)
    got = select(bounded, prompted, tracked, frame)
    model.max_cond_frames_in_attn = most

    def entry(index: int) -> dict[str, object]:
        kept = memory(index)
        assert kept.features is not None
        positions = model.memory_encoder.position_encoding(torch.zeros(1, WIDTH, SIDE, SIDE))
        features = torch.unflatten(kept.features.transpose(1, 2), 2, (SIDE, SIDE))
        return {"maskmem_features": features, "maskmem_pos_enc": [positions], "obj_ptr": kept.pointer}

    coarse = torch.randn(1, DEPTH, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    encoding = model.image_encoder.neck.position_encoding(coarse)
    with torch.inference_mode():
        expected = model._prepare_memory_conditioned_features(
            frame_idx=frame,
            is_init_cond_frame=False,
            current_vision_feats=[coarse.flatten(2).permute(2, 0, 1)],
            current_vision_pos_embeds=[encoding.flatten(2).permute(2, 0, 1)],
            feat_sizes=[(SIDE, SIDE)],
            output_dict={
                "cond_frame_outputs": {i: entry(i) for i in prompted},
                "non_cond_frame_outputs": {i: entry(i) for i in tracked},
            },
            num_frames=100,
        )
        attended = bounded.attend_memory(ImageFeatures((coarse,)), [got], FramePosition(frame, 100, backward=False))
        everything = Sam2Blocks(random_model())
        unbounded = everything.attend_memory(
            ImageFeatures((coarse,)),
            [select(everything, prompted, tracked, frame)],
            FramePosition(frame, 100, backward=False),
        )
    assert got.ages.count(0) == most
    assert torch.allclose(attended, expected, atol=1e-4)
    assert not torch.allclose(unbounded, expected, atol=1e-2)
