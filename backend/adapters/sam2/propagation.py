"""A running propagation: its state, its next frame, and its snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from backend.adapters.sam2.evidence import (
    MaskTransfer,
    MaskWithEvidence,
    finalize,
    resized_mask,
    start_transfer,
    with_mask,
)
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.adapters.sam2.passes import FramePass
from backend.adapters.sam2.snapshot import Identity, PropagationState, dump_state
from backend.adapters.sam2.tracked_objects import TrackedMask
from backend.adapters.sam2.tracker import PassContext, Tracker
from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource, is_undecodable
from backend.domain.geometry import FrameSize
from backend.domain.masklets import FrameMasks, MaskOrigin, ObjectFrame, origin_of
from backend.domain.prompts import PromptSet
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class PropagationInput:
    """What a propagation runs on: tracker, video, prompts, passes, snapshot identity and cancel token."""

    tracker: Tracker
    video: VideoSource
    prompts: PromptSet
    passes: tuple[FramePass, ...]
    identity: Identity
    cancel: CancelToken


@dataclass(frozen=True, slots=True, eq=False)
class _TrackedFrame:
    """A frame whose masks are on their way to the host. state: after it; None where it is the propagation's own."""

    frame_index: FrameIndex
    tracked: list[TrackedMask]
    transfer: MaskTransfer
    state: PropagationState | None


@dataclass(slots=True)
class Sam2Propagation:
    """See the Propagation port. state: the resume point; None: the start. Yields masks [H, W] bool.

    runs_ahead: for a device that computes while the host works: it is given the next frame's work before the host
    finishes the masks of this one. What the next frame raises is raised after this one was yielded.
    """

    inputs: PropagationInput
    state: PropagationState | None = None
    runs_ahead: bool = False
    _steps: Iterator[tuple[FrameIndex, list[TrackedMask]]] = field(init=False)
    _ahead: _TrackedFrame | Exception | None = None
    _yielded: PropagationState | None = None

    def __post_init__(self) -> None:
        self._steps = self._run_passes()

    @property
    def total(self) -> int:
        return sum(len(one) for one in self.inputs.passes)

    @property
    def done(self) -> int:
        state = self._yielded or self.state
        if state is None:
            return 0
        return sum(len(one) for one in self.inputs.passes[: state.frame_pass]) + state.passed

    def __iter__(self) -> Iterator[FrameMasks]:
        return self

    def __next__(self) -> FrameMasks:
        current, self._ahead = self._ahead or self._track_next(), None
        if isinstance(current, Exception):
            raise current
        if self.runs_ahead:
            self._ahead = self._track_ahead()
        with self.inputs.tracker.blocks.computing():
            masks = _object_frames(current.tracked, current.transfer.finish(), current.transfer.size)
        self._yielded = current.state
        return FrameMasks(current.frame_index, tuple(masks))

    def _track_ahead(self) -> _TrackedFrame | Exception | None:
        """The frame after this one, or what it raises; None at the end."""
        try:
            return self._track_next()
        except StopIteration:
            return None
        except Exception as error:
            return error

    def _track_next(self) -> _TrackedFrame:
        """Gives the device the work of a frame. Raises StopIteration at the end."""
        frame_index, tracked = next(self._steps)
        with self.inputs.tracker.blocks.computing():
            transfer = start_transfer([item.decoded for item in tracked], self.inputs.video.info.size)
        return _TrackedFrame(frame_index, tracked, transfer, self._started().copy() if self.runs_ahead else None)

    def tracked(self) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        """The remaining frames with mask logits [1, 1, h, w] float32 instead of masks."""
        return self._steps

    def snapshot(self) -> bytes:
        """See the Propagation port. Before the first frame, decodes the prompts."""
        return dump_state(self._yielded or self._started(), self.inputs.identity)

    def _started(self) -> PropagationState:
        if self.state is None:
            inputs = self.inputs
            self.state = PropagationState(inputs.tracker.tracks(inputs.video, inputs.prompts, inputs.cancel))
            self._begin(self.state)
        return self.state

    def _begin(self, state: PropagationState) -> None:
        """Prepares the tracks' memories for the pass that begins."""
        frame_pass = self.inputs.passes[state.frame_pass]
        for track in state.tracks:
            if frame_pass.backward:
                track.memory.turn()
            else:
                track.memory.start(frame_pass.joins[track.object_id])

    def _run_passes(self) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        state = self._started()
        frame_count = self.inputs.video.info.frame_count
        while True:
            frame_pass = self.inputs.passes[state.frame_pass]
            for frame_index, features in self._frames(frame_pass, state):
                self.inputs.cancel.raise_if_cancelled()
                tracks = [track for track in state.tracks if frame_pass.has_joined(track.object_id, frame_index)]
                is_held = is_undecodable(self.inputs.video, frame_index)
                tracked = self.inputs.tracker.step(
                    tracks, frame_index, features, PassContext(frame_pass.backward, frame_count, remembers=not is_held)
                )
                state.passed += 1
                yield frame_index, tracked
            if state.frame_pass + 1 == len(self.inputs.passes):
                return
            state.frame_pass, state.passed = state.frame_pass + 1, 0
            self._begin(state)

    def _frames(
        self, frame_pass: FramePass, state: PropagationState
    ) -> Iterator[tuple[FrameIndex, ImageFeatures | None]]:
        rest = frame_pass.rest(state.passed)
        if rest is None:
            return iter(())

        def is_needed(frame_index: int) -> bool:
            """Whether any object is tracked to this frame; prompted frames are decoded before the passes."""
            return any(
                frame_pass.has_joined(track.object_id, frame_index) and frame_index not in track.prompted
                for track in state.tracks
            )

        loader = self.inputs.tracker.loader
        return loader.frames(self.inputs.video, rest, backward=frame_pass.backward, is_needed=is_needed)


def masks_with_evidence(tracked: list[TrackedMask], size: FrameSize) -> list[ObjectFrame]:
    """Masks [H, W] bool at the video's size, with their evidence, of tracked masks [1, 1, h, w] float32."""
    return _object_frames(tracked, finalize([item.decoded for item in tracked], size), size)


def _object_frames(tracked: list[TrackedMask], computed: list[MaskWithEvidence], size: FrameSize) -> list[ObjectFrame]:
    return [_object_frame(item, mask, size) for item, mask in zip(tracked, computed, strict=True)]


def _object_frame(item: TrackedMask, computed: MaskWithEvidence, size: FrameSize) -> ObjectFrame:
    prompt = item.prompt
    origin = MaskOrigin.PROPAGATED if prompt is None else origin_of(prompt)
    if prompt is not None and prompt.mask is not None:
        # A prompt's mask stays as it is; SAM 2 has it at its own resolution.
        computed = with_mask(computed, resized_mask(prompt.mask, size), score=prompt.automatic)
    return ObjectFrame(item.track.object_id, computed.mask, computed.evidence, origin)
