"""Which memories an object has to offer on a frame, and those of several objects as one batch. Private parts of sam2.

The choice is the reference predictor's: every prompted frame (or the nearest few), the six frames before, and the
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


@dataclass(frozen=True, slots=True, eq=False)
class MemoryFrame:
    """One object's memory of one frame.

    features: [1, HW, M] bfloat16 (as the reference stores it on every device), or None where only the pointer is
    still of use. pointer: [1, D].
    """

    features: Tensor | None
    pointer: Tensor

    def pointer_only(self) -> MemoryFrame:
        return MemoryFrame(None, self.pointer)


@dataclass(frozen=True, slots=True, eq=False)
class Memories:
    """One object's memories by frame index: of prompted frames, and of the frames it was tracked through."""

    prompted: Mapping[int, MemoryFrame]
    tracked: Mapping[int, MemoryFrame]


@dataclass(frozen=True, slots=True)
class FramePosition:
    """A frame to which objects are carried, and from which side, in a video of so many frames."""

    frame_index: int
    frame_count: int
    backward: bool

    def before(self, distance: int) -> int:
        """The frame so many steps earlier on the way."""
        return self.frame_index + distance if self.backward else self.frame_index - distance


@dataclass(frozen=True, slots=True, eq=False)
class SelectedMemory:
    """What one object's memory has to offer. ages: of each spatial memory, 0 for a prompted frame.

    distances: of each pointer's frame. Offers of one shape make one batch.
    """

    features: tuple[Tensor, ...]
    ages: tuple[int, ...]
    pointers: tuple[Tensor, ...]
    distances: tuple[int, ...]

    @property
    def shape(self) -> tuple[tuple[int, ...], int]:
        return self.ages, len(self.pointers)


class MemorySelector:
    """max_prompted: prompted frames looked at, the nearest ones; 0: all. positions: [1, M, h, w], of a memory."""

    def __init__(self, model: SAM2Base, positions: Tensor, *, max_prompted: int) -> None:
        self._model = model
        self._positions = positions.flatten(2).transpose(1, 2)  # [1, HW, M]
        self._most = max_prompted or -1
        self._spatial_positions = lru_cache(maxsize=16)(self._make_spatial_positions)

    def select(self, memories: Memories, moment: FramePosition) -> SelectedMemory:
        chosen, others = select_closest_cond_frames(moment.frame_index, memories.prompted, self._most)
        features, ages = [frame.features for frame in chosen.values()], [0] * len(chosen)
        for age in range(self._model.num_maskmem - 1, 0, -1):
            index = moment.before(age)
            frame = memories.tracked.get(index, others.get(index))
            if frame is not None and frame.features is not None:
                features.append(frame.features)
                ages.append(age)
        pointers, distances = self._pointers(memories, chosen, others, moment)
        return SelectedMemory(tuple(features), tuple(ages), pointers, distances)

    def joined(self, offers: Sequence[SelectedMemory], moment: FramePosition) -> tuple[Tensor, Tensor, int]:
        """Memory and keys [B, N, M] float32 of B offers of one shape, and how many of the N are spatial."""
        batch, (first, *_) = len(offers), offers
        spatial = torch.cat([features for offer in offers for features in offer.features], dim=1)
        spatial = spatial.view(batch, -1, spatial.size(-1))
        positions = self._spatial_positions(first.ages)
        if not first.pointers:
            memory = spatial.float()
            return memory, memory + positions, memory.size(1)
        width = spatial.size(-1)
        pointers = torch.cat([torch.cat(offer.pointers) for offer in offers]).float()  # [B * P, D]
        tokens_each = pointers.size(-1) // width
        placed = self._pointer_positions([offer.distances for offer in offers], moment)  # [B, P, M]
        memory = torch.cat([spatial.float(), pointers.view(batch, -1, width)], dim=1)
        placed = torch.cat([positions.expand(batch, -1, -1), placed.repeat_interleave(tokens_each, dim=1)], dim=1)
        return memory, memory + placed, spatial.size(1)

    def _pointers(
        self,
        memories: Memories,
        chosen: Mapping[int, MemoryFrame],
        others: Mapping[int, MemoryFrame],
        moment: FramePosition,
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        model, sign = self._model, -1 if moment.backward else 1
        pointers: list[Tensor] = []
        distances: list[int] = []
        for index, frame in chosen.items():
            distance = (moment.frame_index - index) * sign
            if distance >= 0 or not model.only_obj_ptrs_in_the_past_for_eval:
                pointers.append(frame.pointer)
                distances.append(distance if model.use_signed_tpos_enc_to_obj_ptrs else abs(distance))
        for distance in range(1, min(moment.frame_count, model.max_obj_ptrs_in_encoder)):
            index = moment.before(distance)
            remembered = memories.tracked.get(index, others.get(index))
            if remembered is not None:
                pointers.append(remembered.pointer)
                distances.append(distance)
        return tuple(pointers), tuple(distances)

    def _make_spatial_positions(self, ages: tuple[int, ...]) -> Tensor:
        # The table's last row is for prompted frames, and the rows before it for ever older ones.
        rows = [self._model.maskmem_tpos_enc[age - 1].view(1, 1, -1) for age in ages]
        return torch.cat([self._positions + row for row in rows], dim=1)

    def _pointer_positions(self, distances: Sequence[tuple[int, ...]], moment: FramePosition) -> Tensor:
        """[B, P, M] of pointers so many frames away."""
        model, device = self._model, self._positions.device
        width = self._positions.size(-1)
        if not model.add_tpos_enc_to_obj_ptrs:
            return torch.zeros(len(distances), len(distances[0]), width, device=device)
        # In a video of fewer frames than pointers are looked at, the reference scales by its frames.
        longest = max(min(moment.frame_count, model.max_obj_ptrs_in_encoder) - 1, 1)
        width_in = model.hidden_dim if model.proj_tpos_enc_in_obj_ptrs else width
        made: dict[tuple[int, ...], Tensor] = {}
        for row in distances:
            if row not in made:
                # Each by itself, as the reference does: several objects' rows at once would round otherwise.
                encoded = get_1d_sine_pe(torch.tensor(row, device=device) / longest, dim=width_in)
                made[row] = model.obj_ptr_tpos_proj(encoded).float()
        return torch.stack([made[row] for row in distances])
