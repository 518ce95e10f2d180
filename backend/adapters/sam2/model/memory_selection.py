"""Selection of the memories that an object attends on a frame, and their batching. Uses private parts of sam2.

The selection is the reference predictor's: every prompted frame (or the nearest few), the six frames before, and the
pointers of past prompted frames and of the fifteen frames before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import get_1d_sine_pe, select_closest_cond_frames
from torch import Tensor

from backend.adapters.sam2.runtime.device import to_device


@dataclass(frozen=True, slots=True, eq=False)
class MemoryFrame:
    """One object's memory of one frame.

    features: [1, N, M], bfloat16 or float32 (see MemoryEncoder); None if only the pointer is attended. N: of
    MemoryLayout. pointer: [1, D], float32 or bfloat16.
    """

    features: Tensor | None
    pointer: Tensor

    def pointer_only(self) -> MemoryFrame:
        return MemoryFrame(None, self.pointer)


@dataclass(frozen=True, slots=True, eq=False)
class Memories:
    """One object's memories by frame index: prompted frames and tracked frames."""

    prompted: Mapping[int, MemoryFrame]
    tracked: Mapping[int, MemoryFrame]


@dataclass(frozen=True, slots=True)
class FramePosition:
    """A frame to track to, in a video of `frame_count` frames, and the direction of the pass."""

    frame_index: int
    frame_count: int
    backward: bool

    def before(self, distance: int) -> int:
        """The frame `distance` steps earlier in the pass."""
        return self.frame_index + distance if self.backward else self.frame_index - distance


@dataclass(frozen=True, slots=True, eq=False)
class SelectedMemory:
    """The memories that one object attends. Selections of one shape make one batch.

    features: [1, N, M] each. ages: of each of them, 0 for a prompted frame. pointers: [1, D] each.
    distances: in frames, of each pointer.
    """

    features: tuple[Tensor, ...]
    ages: tuple[int, ...]
    pointers: tuple[Tensor, ...]
    distances: tuple[int, ...]

    @property
    def shape(self) -> tuple[tuple[int, ...], int]:
        return self.ages, len(self.pointers)


class MemorySelector:
    """max_prompted: the nearest prompted frames that are attended; 0: all. positions: [1, N, M], of a memory."""

    def __init__(self, model: SAM2Base, positions: Tensor, *, max_prompted: int) -> None:
        self._model = model
        self._positions = positions
        self._max_prompted = max_prompted or -1
        self._spatial_positions = lru_cache(maxsize=16)(self._make_spatial_positions)

    def select(self, memories: Memories, position: FramePosition) -> SelectedMemory:
        """The memories that an object attends at a position."""
        chosen, others = select_closest_cond_frames(position.frame_index, memories.prompted, self._max_prompted)
        features, ages = [frame.features for frame in chosen.values()], [0] * len(chosen)
        for age in range(self._model.num_maskmem - 1, 0, -1):
            index = position.before(age)
            frame = memories.tracked.get(index, others.get(index))
            if frame is not None and frame.features is not None:
                features.append(frame.features)
                ages.append(age)
        pointers, distances = self._pointers(memories, chosen, others, position)
        return SelectedMemory(tuple(features), tuple(ages), pointers, distances)

    def joined(self, selections: Sequence[SelectedMemory], position: FramePosition) -> tuple[Tensor, Tensor, int]:
        """Memory and keys [B, N, M] float32 of B selections of one shape, and the count of spatial ones of the N."""
        batch, (first, *_) = len(selections), selections
        spatial = torch.cat([features for selected in selections for features in selected.features], dim=1)
        spatial = spatial.view(batch, -1, spatial.size(-1))
        positions = self._spatial_positions(first.ages)
        if not first.pointers:
            memory = spatial.float()
            return memory, memory + positions, memory.size(1)
        width = spatial.size(-1)
        pointers = torch.cat([torch.cat(selected.pointers) for selected in selections]).float()  # [B * P, D]
        tokens_each = pointers.size(-1) // width
        pointer_positions = self._pointer_positions(
            [selected.distances for selected in selections], position
        )  # [B, P, M]
        memory = torch.cat([spatial.float(), pointers.view(batch, -1, width)], dim=1)
        pointer_positions = pointer_positions.repeat_interleave(tokens_each, dim=1)
        positions = torch.cat([positions.expand(batch, -1, -1), pointer_positions], dim=1)
        return memory, memory + positions, spatial.size(1)

    def _pointers(
        self,
        memories: Memories,
        chosen: Mapping[int, MemoryFrame],
        others: Mapping[int, MemoryFrame],
        position: FramePosition,
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        model, sign = self._model, -1 if position.backward else 1
        pointers: list[Tensor] = []
        distances: list[int] = []
        for index, frame in chosen.items():
            distance = (position.frame_index - index) * sign
            if distance >= 0 or not model.only_obj_ptrs_in_the_past_for_eval:
                pointers.append(frame.pointer)
                distances.append(distance if model.use_signed_tpos_enc_to_obj_ptrs else abs(distance))
        for distance in range(1, min(position.frame_count, model.max_obj_ptrs_in_encoder)):
            index = position.before(distance)
            frame_memory = memories.tracked.get(index, others.get(index))
            if frame_memory is not None:
                pointers.append(frame_memory.pointer)
                distances.append(distance)
        return tuple(pointers), tuple(distances)

    def _make_spatial_positions(self, ages: tuple[int, ...]) -> Tensor:
        # The table's last row is for prompted frames; its rows from the first on are for ages 1, 2, ...
        rows = [self._model.maskmem_tpos_enc[age - 1].view(1, 1, -1) for age in ages]
        return torch.cat([self._positions + row for row in rows], dim=1)

    def _pointer_positions(self, distances: Sequence[tuple[int, ...]], position: FramePosition) -> Tensor:
        """Position encodings [B, P, M] float32 of pointers at these distances in frames."""
        model, device = self._model, self._positions.device
        width = self._positions.size(-1)
        if not model.add_tpos_enc_to_obj_ptrs:
            return torch.zeros(len(distances), len(distances[0]), width, device=device)
        # In a video with fewer frames than pointers, the reference scales by the frame count.
        longest = max(min(position.frame_count, model.max_obj_ptrs_in_encoder) - 1, 1)
        width_in = model.hidden_dim if model.proj_tpos_enc_in_obj_ptrs else width
        encodings: dict[tuple[int, ...], Tensor] = {}
        for row in distances:
            if row not in encodings:
                # Row by row, as the reference does: several objects' rows at once round differently.
                encoded = get_1d_sine_pe(to_device(torch.tensor(row), device) / longest, dim=width_in)
                encodings[row] = model.obj_ptr_tpos_proj(encoded).float()
        return torch.stack([encodings[row] for row in distances])
