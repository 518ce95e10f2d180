"""Frame by frame: features looked up or computed, prompts answered, objects carried from memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.adapters.sam2.evidence import reduce
from backend.adapters.sam2.features.loader import FeatureLoader
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_bank import ObjectMemory
from backend.adapters.sam2.model.memory_selection import FramePosition, SelectedMemory
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.adapters.sam2.prompt_encoding import PromptedFrame, answer, attended, correct
from backend.adapters.sam2.tracked_objects import Track, TrackedMask, groups_of_one_shape, memories_of
from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class Travel:
    """Which way objects are carried, through a video of so many frames."""

    backward: bool
    frame_count: int


class Tracker:
    """The steps of answering prompts and carrying objects, on one model and its features."""

    def __init__(self, blocks: Sam2Blocks, supply: FeatureLoader) -> None:
        self.blocks = blocks
        self.supply = supply

    def tracks(self, video: VideoSource, prompts: PromptSet, cancel: CancelToken) -> list[Track]:
        """Every object of the prompts, its prompted frames answered."""
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
        """One object's prompted frames, ascending: first those that say where it is, then the corrections."""
        frames: dict[int, PromptedFrame] = {}
        for prompt in sorted(prompts, key=lambda prompt: (not prompt.has_positive, prompt.frame_index)):
            if cancel is not None:
                cancel.raise_if_cancelled()
            with self.blocks.computing():
                seen = self.supply.one(video, prompt.frame_index)
                if prompt.has_positive:
                    decoded = answer(self.blocks, seen, prompt)
                else:
                    memories = memories_of(frames)
                    count = video.info.frame_count
                    decoded = correct(self.blocks, seen, prompt, prompted=memories, frame_count=count)
                (memory,) = self.blocks.encode_memory(seen, decoded, is_prompted=True)
                frames[prompt.frame_index] = PromptedFrame(prompt, reduce(decoded, seen), memory)
        return dict(sorted(frames.items()))

    def from_prompts(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> TrackedMask:
        """One object on one frame, with no other memory than that of its prompted frames."""
        (object_id,) = prompts.object_ids
        here = [prompt for prompt in prompts.on_frame(frame_index) if prompt.has_positive]
        if here:
            # Answered from this frame alone, so the other frames need not be looked at.
            prompted = self.prompted_frames(video, PromptSet(tuple(here), prompts.labels))
        else:
            prompted = self.prompted_frames(video, prompts)
        memories = memories_of(prompted)
        track = Track(object_id, prompted, ObjectMemory(memories, 0, 0))
        if frame_index in prompted:
            return TrackedMask(track, prompted[frame_index].decoded, prompted[frame_index])
        seen = self.supply.one(video, frame_index)
        count = video.info.frame_count
        conditioned = attended(self.blocks, seen, memories, frame_index=frame_index, frame_count=count)
        return TrackedMask(track, reduce(self.blocks.decode(conditioned, seen), seen))

    def step(
        self, tracks: Sequence[Track], frame_index: FrameIndex, seen: ImageFeatures | None, way: Travel
    ) -> list[TrackedMask]:
        """One frame: prompted objects as they were answered, the others from memory.

        seen: the frame's features; None if all objects are prompted there.
        """
        done: dict[ObjectId, TrackedMask] = {}
        waiting: list[Track] = []
        for track in tracks:
            if frame_index in track.prompted:
                prompted = track.prompted[frame_index]
                done[track.object_id] = TrackedMask(track, prompted.decoded, prompted)
            else:
                waiting.append(track)
        if waiting and seen is not None:
            moment = FramePosition(frame_index, way.frame_count, way.backward)
            with self.blocks.computing():
                offers = [(track, self.blocks.select_memory(track.memory.view, moment)) for track in waiting]
                for group in groups_of_one_shape(offers):
                    for tracked in self._carry(group, seen, moment):
                        done[tracked.track.object_id] = tracked
        return [done[track.object_id] for track in tracks]

    def _carry(
        self, group: Sequence[tuple[Track, SelectedMemory]], seen: ImageFeatures, moment: FramePosition
    ) -> list[TrackedMask]:
        """Carry objects whose memories are alike to this frame, in one batch."""
        tracks = [track for track, _ in group]
        decoded = self.blocks.decode(self.blocks.attend_memory(seen, [offer for _, offer in group], moment), seen)
        for track, memory in zip(tracks, self.blocks.encode_memory(seen, decoded, is_prompted=False), strict=True):
            track.memory.add(moment.frame_index, memory, backward=moment.backward)
        reduced = reduce(decoded, seen)
        return [TrackedMask(track, reduced.one(position)) for position, track in enumerate(tracks)]
