"""SAM 2 over a video of any length: the Segmenter port.

Not the upstream predictor but a loop of our own over its building blocks: frames stream through, each is encoded
once for all objects, every object keeps a bounded memory, and what is known about each mask comes out with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.adapters.sam2.checkpoints import find
from backend.adapters.sam2.device import choose_device, computing
from backend.adapters.sam2.evidence import Judged, judge, resized_mask, with_mask
from backend.adapters.sam2.frames import FeatureCache, image_tensor
from backend.adapters.sam2.loading import load_model
from backend.adapters.sam2.memory import ObjectMemory
from backend.adapters.sam2.prompting import PromptedFrame, answer, correct, is_before, require_locatable
from backend.adapters.sam2.state import ImageFeatures, Memories, Sam2Blocks
from backend.adapters.sam2.tracks import Track, TrackedMask, groups_of_one_shape, memories_of
from backend.application.ports import CancelToken, VideoSource
from backend.application.prewarm import frame_hash
from backend.application.requests import ModelInfo
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.masklets import FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange, VideoInfo

CACHED_FRAMES = 8


class Sam2Engine:
    """A resident SAM 2 model. One per process, used by one thread."""

    def __init__(self, blocks: Sam2Blocks, model: ModelInfo, *, cached_frames: int = CACHED_FRAMES) -> None:
        self._blocks = blocks
        self._model = model
        self._features = FeatureCache(cached_frames)

    @property
    def model(self) -> ModelInfo:
        return self._model

    @property
    def blocks(self) -> Sam2Blocks:
        """The model's steps, to build another engine on the same weights."""
        return self._blocks

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        """The masks, on one frame, of every object in `prompts`. See the Segmenter port."""
        require_locatable(prompts)
        frame_index = video.info.require_frame(frame_index)
        objects: list[ObjectFrame] = []
        with computing(self._blocks.device):
            for object_id in prompts.object_ids:
                tracked = self._segment_object(video, prompts.of_object(object_id), frame_index)
                objects += self._judged([tracked], video.info.size)
        return FrameMasks(frame_index, tuple(objects))

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        span: FrameRange | None = None,
        cancel: CancelToken,
    ) -> Iterator[FrameMasks]:
        """Masks of all objects, frame by frame. See the Segmenter port.

        With Direction.BOTH a frame comes back in the backward pass only with the objects that the forward pass
        left out there: no object's frame is yielded twice.
        """
        span = _checked_span(video.info, prompts, span)
        return self._masks(video, prompts, direction, span, cancel)

    @property
    def frames_kept(self) -> int:
        """How many frames' features are kept at once."""
        return self._features.capacity

    def prewarm(self, video: VideoSource, frames: Sequence[FrameIndex], *, cancel: CancelToken) -> tuple[int, ...]:
        """Encode frames ahead of need. See application.prewarm.Prewarmer."""
        for frame_index in frames[: self.frames_kept]:
            cancel.raise_if_cancelled()
            with computing(self._blocks.device):
                self._seen(video, frame_index)
        hashes = {frame_hash(video, index) for index in frames} | {video.info.content_hash}
        return tuple(sorted({index for kept in hashes for index in self._features.frames_of(kept)}))

    def forget(self, video: ContentHash) -> None:
        """Let go of a video's features. See application.prewarm.Prewarmer."""
        self._features.forget(video)

    def track(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        span: FrameRange,
        cancel: CancelToken,
    ) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        """What `propagate` does, before logits become masks."""
        tracks = self._tracks(video, prompts, cancel)
        if direction is not Direction.BACKWARD:
            yield from self._forward(video, tracks, span, cancel)
        if direction is not Direction.FORWARD:
            skip = 1 if direction is Direction.BOTH else 0
            yield from self._backward(video, tracks, span, cancel, skip=skip)

    def _masks(
        self, video: VideoSource, prompts: PromptSet, direction: Direction, span: FrameRange, cancel: CancelToken
    ) -> Iterator[FrameMasks]:
        for frame_index, tracked in self.track(video, prompts, direction=direction, span=span, cancel=cancel):
            with computing(self._blocks.device):
                objects = self._judged(tracked, video.info.size)
            yield FrameMasks(frame_index, tuple(objects))

    def _tracks(self, video: VideoSource, prompts: PromptSet, cancel: CancelToken) -> list[Track]:
        blocks = self._blocks
        tracks: list[Track] = []
        for object_id in prompts.object_ids:
            prompted = self._prompted_frames(video, prompts.of_object(object_id), cancel)
            memories = {index: frame.memory for index, frame in prompted.items()}
            memory = ObjectMemory(memories, blocks.memory_horizon, blocks.pointer_horizon)
            tracks.append(Track(object_id, prompted, memory))
        return tracks

    def _prompted_frames(
        self, video: VideoSource, prompts: PromptSet, cancel: CancelToken | None = None
    ) -> dict[int, PromptedFrame]:
        """One object's prompted frames, ascending: first those that say where it is, then the corrections."""
        frames: dict[int, PromptedFrame] = {}
        for prompt in sorted(prompts, key=lambda prompt: (not prompt.has_positive, prompt.frame_index)):
            if cancel is not None:
                cancel.raise_if_cancelled()
            with computing(self._blocks.device):
                seen = self._seen(video, prompt.frame_index)
                if prompt.has_positive:
                    decoded = answer(self._blocks, seen, prompt)
                else:
                    memories = memories_of(frames)
                    count = video.info.frame_count
                    decoded = correct(self._blocks, seen, prompt, prompted=memories, frame_count=count)
                (memory,) = self._blocks.remember(seen, decoded, is_prompted=True)
            frames[prompt.frame_index] = PromptedFrame(prompt, decoded, memory)
        return dict(sorted(frames.items()))

    def _segment_object(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> TrackedMask:
        (object_id,) = prompts.object_ids
        here = [prompt for prompt in prompts.on_frame(frame_index) if prompt.has_positive]
        if here:
            # Answered from this frame alone, so the other frames need not be looked at.
            prompted = self._prompted_frames(video, PromptSet(tuple(here), prompts.labels))
        else:
            prompted = self._prompted_frames(video, prompts)
        memories = memories_of(prompted)
        track = Track(object_id, prompted, ObjectMemory(memories, 0, 0))
        if frame_index in prompted:
            return TrackedMask(track, prompted[frame_index].decoded, prompted[frame_index])
        seen = self._seen(video, frame_index)
        conditioned = self._blocks.recall(
            seen,
            [Memories(memories, {})],
            frame_index=frame_index,
            frame_count=video.info.frame_count,
            backward=is_before(frame_index, memories),
        )
        return TrackedMask(track, self._blocks.decode(conditioned, seen))

    def _forward(
        self, video: VideoSource, tracks: Sequence[Track], span: FrameRange, cancel: CancelToken
    ) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        starts = {track.object_id: max(track.first_prompted, span.start) for track in tracks}
        for track in tracks:
            track.memory.start(starts[track.object_id])
        first = min(starts.values())
        if first >= span.stop:
            return
        for frame_index, frame in video.frames(FrameRange(FrameIndex(first), span.stop)):
            cancel.raise_if_cancelled()
            here = [track for track in tracks if starts[track.object_id] <= frame_index]
            yield frame_index, self._step(video, here, frame_index, frame, backward=False)

    def _backward(
        self,
        video: VideoSource,
        tracks: Sequence[Track],
        span: FrameRange,
        cancel: CancelToken,
        *,
        skip: int,
    ) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        """skip: 1 leaves out the frames that the forward pass started at."""
        starts: dict[ObjectId, int] = {}
        for track in tracks:
            track.memory.turn()
            forward_start = max(track.first_prompted, span.start)
            starts[track.object_id] = min(forward_start - skip, span.stop - 1)
        last = max(starts.values())
        if last < span.start:
            return
        for frame_index, frame in video.frames(FrameRange(span.start, FrameIndex(last + 1)), backward=True):
            cancel.raise_if_cancelled()
            here = [track for track in tracks if starts[track.object_id] >= frame_index]
            yield frame_index, self._step(video, here, frame_index, frame, backward=True)

    def _step(
        self, video: VideoSource, tracks: Sequence[Track], frame_index: FrameIndex, frame: RgbFrame, *, backward: bool
    ) -> list[TrackedMask]:
        """One frame: prompted objects as they were answered, the others from memory."""
        done: dict[ObjectId, TrackedMask] = {}
        waiting: list[Track] = []
        for track in tracks:
            if frame_index in track.prompted:
                prompted = track.prompted[frame_index]
                done[track.object_id] = TrackedMask(track, prompted.decoded, prompted)
            else:
                waiting.append(track)
        if waiting:
            with computing(self._blocks.device):
                seen = self._features.get(frame_hash(video, frame_index), frame_index) or self._see(frame)
                for group in groups_of_one_shape(waiting):
                    for tracked in self._carry(group, seen, frame_index, video.info.frame_count, backward=backward):
                        done[tracked.track.object_id] = tracked
        return [done[track.object_id] for track in tracks]

    def _carry(
        self,
        tracks: Sequence[Track],
        seen: ImageFeatures,
        frame_index: FrameIndex,
        frame_count: int,
        *,
        backward: bool,
    ) -> list[TrackedMask]:
        """Carry objects whose memories are of the same frames to this frame, in one batch."""
        conditioned = self._blocks.recall(
            seen,
            [track.memory.view for track in tracks],
            frame_index=frame_index,
            frame_count=frame_count,
            backward=backward,
        )
        decoded = self._blocks.decode(conditioned, seen)
        for track, memory in zip(tracks, self._blocks.remember(seen, decoded, is_prompted=False), strict=True):
            track.memory.add(frame_index, memory, backward=backward)
        return [TrackedMask(track, decoded.one(position)) for position, track in enumerate(tracks)]

    def _judged(self, tracked: Sequence[TrackedMask], size: FrameSize) -> list[ObjectFrame]:
        objects: list[ObjectFrame] = []
        for item in tracked:
            (judged,) = judge(item.decoded, size)
            objects.append(_object_frame(item, judged, size))
        return objects

    def _seen(self, video: VideoSource, frame_index: FrameIndex) -> ImageFeatures:
        """A frame's features, kept for the next question about it."""
        content_hash = frame_hash(video, frame_index)
        seen = self._features.get(content_hash, frame_index)
        if seen is None:
            seen = self._see(video.frame(video.info.require_frame(frame_index)))
            self._features.put(content_hash, frame_index, seen)
        return seen

    def _see(self, frame: RgbFrame) -> ImageFeatures:
        return self._blocks.see(image_tensor(frame, image_size=self._blocks.image_size, device=self._blocks.device))


def load_engine(name: str, *, model_dir: Path | None, device: str, threads: int) -> Sam2Engine:
    """Load a checkpoint onto a device. Raises ModelError, IntegrityError or DeviceOutOfMemory.

    name: auto, demo, tiny, small, base_plus or large. device: auto, cpu, cuda or cuda:N. threads: 0 for all cores.
    """
    checkpoint = find(name, model_dir)
    place = choose_device(device, threads=threads)
    with computing(place):
        model = load_model(checkpoint).to(place)
    blocks = Sam2Blocks(model)
    info = ModelInfo(
        name=checkpoint.name,
        version=checkpoint.version,
        image_size=blocks.image_size,
        device=str(place),
        is_demo=checkpoint.is_demo,
    )
    return Sam2Engine(blocks, info)


def _checked_span(info: VideoInfo, prompts: PromptSet, span: FrameRange | None) -> FrameRange:
    require_locatable(prompts)
    for frame_index in prompts.prompted_frames:
        info.require_frame(frame_index)
    if span is None:
        return FrameRange(FrameIndex(0), FrameIndex(info.frame_count))
    info.require_frame(span.stop - 1)
    return span


def _object_frame(item: TrackedMask, judged: Judged, size: FrameSize) -> ObjectFrame:
    origin = MaskOrigin.PROPAGATED if item.prompted is None else item.prompted.origin
    if item.prompted is not None and item.prompted.prompt.mask is not None:
        # What a person drew stays as it was drawn; SAM 2 sees it at its own resolution.
        judged = with_mask(judged, resized_mask(item.prompted.prompt.mask, size))
    return ObjectFrame(item.track.object_id, judged.mask, judged.evidence, origin)
