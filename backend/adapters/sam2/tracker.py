"""One frame at a time: loads features, decodes prompts, tracks objects from memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.adapters.sam2.evidence import reduce
from backend.adapters.sam2.features.loader import FeatureLoader
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_bank import ObjectMemory
from backend.adapters.sam2.model.memory_selection import FramePosition, SelectedMemory
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.adapters.sam2.prompt_encoding import PromptedFrame, attend_prompted, decode_correction, decode_prompt
from backend.adapters.sam2.runtime.device import is_out_of_memory
from backend.adapters.sam2.tracked_objects import (
    OBJECTS_AT_ONCE,
    Track,
    TrackedMask,
    batches_of_one_shape,
    memories_of,
)
from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import FrameIndex

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PassContext:
    """The direction of a pass, and the frame count of its video. remembers: whether the frame becomes a memory."""

    backward: bool
    frame_count: int
    remembers: bool = True


class Tracker:
    """Decodes prompts and tracks objects, on one model and its features."""

    def __init__(self, blocks: Sam2Blocks, loader: FeatureLoader) -> None:
        self.blocks = blocks
        self.loader = loader
        self.objects_at_once = OBJECTS_AT_ONCE

    def tracks(self, video: VideoSource, prompts: PromptSet, cancel: CancelToken) -> list[Track]:
        """Every object of the prompts, with its prompted frames decoded. Batches have their full size again."""
        self.objects_at_once = OBJECTS_AT_ONCE
        blocks = self.blocks
        tracks: list[Track] = []
        for object_id in prompts.object_ids:
            prompted = self.prompted_frames(video, prompts.of_object(object_id), cancel)
            memory = ObjectMemory(memories_of(prompted), blocks.memory_horizon, blocks.pointer_horizon)
            tracks.append(Track(object_id, prompted, memory))
        return tracks

    def prompted_frames(
        self, video: VideoSource, prompts: PromptSet, cancel: CancelToken | None = None
    ) -> dict[int, PromptedFrame]:
        """One object's prompted frames, ascending. Decodes prompts that locate the object first, then corrections."""
        frames: dict[int, PromptedFrame] = {}
        for prompt in sorted(prompts, key=lambda prompt: (not prompt.has_positive, prompt.frame_index)):
            if cancel is not None:
                cancel.raise_if_cancelled()
            with self.blocks.computing():
                features = self.loader.one(video, prompt.frame_index)
                if prompt.has_positive:
                    decoded = decode_prompt(self.blocks, features, prompt)
                else:
                    memories = memories_of(frames)
                    count = video.info.frame_count
                    decoded = decode_correction(self.blocks, features, prompt, prompted=memories, frame_count=count)
                (memory,) = self.blocks.encode_memory(features, decoded, is_prompted=True)
                frames[prompt.frame_index] = PromptedFrame(prompt, reduce(decoded, features), memory)
        return dict(sorted(frames.items()))

    def from_prompts(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> TrackedMask:
        """One object's mask logits [1, 1, h, w] float32 on one frame, with the memory of its prompted frames only."""
        (object_id,) = prompts.object_ids
        located = next((prompt for prompt in prompts.on_frame(frame_index) if prompt.has_positive), None)
        if located is not None:
            # Decoded from this frame only: the other frames are not loaded, and nothing uses a memory of this one.
            features = self.loader.one(video, frame_index)
            decoded = reduce(decode_prompt(self.blocks, features, located), features)
            return TrackedMask(Track(object_id, {}, ObjectMemory({}, 0, 0)), decoded, located)
        prompted = self.prompted_frames(video, prompts)
        memories = memories_of(prompted)
        track = Track(object_id, prompted, ObjectMemory(memories, 0, 0))
        if frame_index in prompted:
            return TrackedMask(track, prompted[frame_index].decoded, prompted[frame_index].prompt)
        features = self.loader.one(video, frame_index)
        count = video.info.frame_count
        conditioned = attend_prompted(self.blocks, features, memories, frame_index=frame_index, frame_count=count)
        return TrackedMask(track, reduce(self.blocks.decode(conditioned, features), features))

    def step(
        self, tracks: Sequence[Track], frame_index: FrameIndex, features: ImageFeatures | None, context: PassContext
    ) -> list[TrackedMask]:
        """One frame: prompted objects as decoded before, the others from memory. Logits [1, 1, h, w] float32 each.

        features: the frame's levels [1, C, H, W], finest first; None if all objects are prompted there.
        """
        done: dict[ObjectId, TrackedMask] = {}
        unprompted: list[Track] = []
        for track in tracks:
            if frame_index in track.prompted:
                prompted = track.prompted[frame_index]
                done[track.object_id] = TrackedMask(track, prompted.decoded, prompted.prompt)
            else:
                unprompted.append(track)
        if unprompted and features is not None:
            position = FramePosition(frame_index, context.frame_count, context.backward)
            with self.blocks.computing():
                selections = [(track, self.blocks.select_memory(track.memory.view, position)) for track in unprompted]
                for batch in batches_of_one_shape(selections, most=self.objects_at_once):
                    for tracked in self._track_fitting(batch, features, position, remembers=context.remembers):
                        done[tracked.track.object_id] = tracked
        return [done[track.object_id] for track in tracks]

    def _track_fitting(
        self,
        batch: Sequence[tuple[Track, SelectedMemory]],
        features: ImageFeatures,
        position: FramePosition,
        *,
        remembers: bool,
    ) -> list[TrackedMask]:
        """Tracks a batch, in halves if the device has too little memory. Raises torch's error for one object."""
        try:
            return self._track_batch(batch, features, position, remembers=remembers)
        except RuntimeError as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
        # Outside of the handler: the error's traceback holds the tensors of the failed batch.
        half = len(batch) // 2
        if half < self.objects_at_once:
            logger.warning("too little memory for %d objects at once; going on with %d", len(batch), half)
            self.objects_at_once = half
        torch.cuda.empty_cache()
        parts = (batch[:half], batch[half:])
        return [
            tracked for part in parts for tracked in self._track_fitting(part, features, position, remembers=remembers)
        ]

    def _track_batch(
        self,
        batch: Sequence[tuple[Track, SelectedMemory]],
        features: ImageFeatures,
        position: FramePosition,
        *,
        remembers: bool,
    ) -> list[TrackedMask]:
        """Tracks objects with memories of one shape to this frame, in one batch."""
        tracks = [track for track, _ in batch]
        conditioned = self.blocks.attend_memory(features, [selected for _, selected in batch], position)
        decoded = self.blocks.decode(conditioned, features)
        memories = self.blocks.encode_memory(features, decoded, is_prompted=False) if remembers else ()
        reduced = reduce(decoded, features)
        for track, memory in zip(tracks, memories, strict=remembers):  # last: what fails before is done again
            track.memory.add(position.frame_index, memory, backward=position.backward)
        return [TrackedMask(track, reduced.one(number)) for number, track in enumerate(tracks)]
