"""SAM 2 over a video of any length: the Segmenter port.

A frame loop over upstream's building blocks, without upstream's predictor. Each frame is encoded once for all objects,
each object has a memory bank of bounded size, and each mask comes with its evidence.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.adapters.sam2.evidence import finalize, reduce
from backend.adapters.sam2.features.cache import MIB, FeatureCache, FeatureKind
from backend.adapters.sam2.features.loader import FeatureLoader
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.passes import planned_passes
from backend.adapters.sam2.prompt_encoding import positive_clicks, require_locatable
from backend.adapters.sam2.propagation import PropagationInput, Sam2Propagation, masks_with_evidence
from backend.adapters.sam2.runtime.compiled_steps import Compiling, reason_of
from backend.adapters.sam2.runtime.device import choose_device, telling_exhaustion
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.runtime.warmup import NoiseVideo, run_all_steps
from backend.adapters.sam2.snapshot import identity_of, load_state
from backend.adapters.sam2.tracked_objects import TrackedMask
from backend.adapters.sam2.tracker import Tracker
from backend.adapters.sam2.weights.calibrators import stamped_version
from backend.adapters.sam2.weights.checkpoint_files import Checkpoint
from backend.adapters.sam2.weights.checkpoints import find
from backend.adapters.sam2.weights.image_size import at_image_size
from backend.adapters.sam2.weights.load import load_model
from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.application.ports.requests.prewarm import frame_hash
from backend.domain.geometry import Point
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange, VideoInfo

logger = logging.getLogger(__name__)

DEFAULTS = EngineOptions()

POINTS_AT_ONCE = 16
"""Points that are decoded in one batch. More are not faster, and need memory: tens of MiB a point at 1024 px."""


class Sam2Engine:
    """A SAM 2 model in memory. One per process, used by one thread.

    features: a shared feature cache; None: a cache of the engine's own.
    """

    def __init__(
        self,
        blocks: Sam2Blocks,
        model: ModelInfo,
        options: EngineOptions = DEFAULTS,
        *,
        features: FeatureCache | None = None,
    ) -> None:
        self._blocks = blocks
        self._model = model
        if features is None:
            features = FeatureCache(options.feature_cache_mib * MIB, device=blocks.device)
        self._features = features
        kind = FeatureKind(model.version, blocks.image_size, blocks.runs_on["precision"])
        lookahead = options.lookahead or blocks.lookahead
        self._tracker = Tracker(blocks, FeatureLoader(blocks, self._features, kind, lookahead=lookahead))

    @property
    def model(self) -> ModelInfo:
        return self._model

    @property
    def blocks(self) -> Sam2Blocks:
        """The model's steps, for another engine on the same weights."""
        return self._blocks

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        """Masks [H, W] bool of every object in `prompts` on one frame, at the video's size. See the Segmenter port."""
        require_locatable(prompts)
        frame_index = video.info.require_frame(frame_index)
        with self._blocks.computing():
            tracked = [
                self._tracker.from_prompts(video, prompts.of_object(object_id), frame_index)
                for object_id in prompts.object_ids
            ]
            return FrameMasks(frame_index, tuple(masks_with_evidence(tracked, video.info.size)))

    def segment_points(
        self, video: VideoSource, points: Sequence[Point], frame_index: FrameIndex
    ) -> Iterator[list[ObjectFrame]]:
        """Masks [H, W] bool of points, each an object of its own. See the PointSegmenter port."""
        frame_index = video.info.require_frame(frame_index)
        for start in range(0, len(points), POINTS_AT_ONCE):
            with self._blocks.computing():
                features = self._tracker.loader.one(video, frame_index)
                batch = positive_clicks(self._blocks, points[start : start + POINTS_AT_ONCE])
                reduced = reduce(self._blocks.decode_points(features, batch), features)
                computed = finalize([reduced], video.info.size)
            yield [
                ObjectFrame(ObjectId(str(start + n)), each.mask, each.evidence, MaskOrigin.AUTOMATIC)
                for n, each in enumerate(computed)
            ]

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Sam2Propagation:
        """Masks [H, W] bool of all objects, frame by frame, at the video's size. See the Segmenter port."""
        frame_range = _checked_range(video.info, prompts, frame_range)
        identity = identity_of(
            video.info,
            prompts,
            direction,
            frame_range,
            model_version=self._model.version,
            runs_on=self._blocks.runs_on,
        )
        inputs = PropagationInput(
            self._tracker, video, prompts, planned_passes(prompts, direction, frame_range), identity, cancel
        )
        state = None if resume is None else load_state(resume, identity, prompts=prompts, blocks=self._blocks)
        return Sam2Propagation(inputs, state, runs_ahead=self._blocks.device.type == "cuda")

    @property
    def frames_kept(self) -> int:
        """The count of frames whose features are kept at once."""
        return self._features.capacity_bytes // self._blocks.feature_bytes

    def prewarm(self, video: VideoSource, frames: Sequence[FrameIndex], *, cancel: CancelToken) -> tuple[int, ...]:
        """Encodes frames before a click. See the Prewarmer port."""
        for frame_index in frames[: self.frames_kept]:
            cancel.raise_if_cancelled()
            with self._blocks.computing():
                self._tracker.loader.one(video, frame_index)
        hashes = {frame_hash(video, index) for index in frames} | {video.info.content_hash}
        return tuple(sorted({index for kept in hashes for index in self._features.frames_of(kept)}))

    def warm_up(self) -> None:
        """Chooses attention kernels and compiles the steps before the first job.

        Does nothing on a CPU without compiled steps. A failure is logged as a warning; the first jobs are then slower.
        """
        blocks = self._blocks
        if blocks.device.type != "cuda" and not blocks.steps.any_fast:
            return
        options = EngineOptions(feature_cache_mib=0, lookahead=self._tracker.loader.lookahead)
        try:
            with blocks.computing():
                blocks.choose_kernels()
            run_all_steps(Sam2Engine(blocks, self._model, options))
            if blocks.device.type == "cuda":
                self._features.reserve(self._tracker.loader.uncached(NoiseVideo(1), FrameIndex(0)))
        except Exception as error:  # a job with the same failure reports it
            logger.warning("the warm-up on %s failed, jobs come unprepared: %s", blocks.device, reason_of(error))
            return
        logger.info("warmed up on %s in %s; attention kernels: %s; %s", blocks.device, *blocks.compile_report)

    def forget(self, video: ContentHash) -> None:
        """Drops a video's features. See the Prewarmer port."""
        self._features.forget(video)

    def track(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange,
        cancel: CancelToken,
    ) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        """The pass of `propagate` with mask logits [1, 1, h, w] float32 instead of masks, in the model's pixels."""
        return self.propagate(video, prompts, direction=direction, frame_range=frame_range, cancel=cancel).tracked()


def load_engine(
    name: str, *, model_dir: Path | None, device: str, threads: int, options: EngineOptions = DEFAULTS
) -> Sam2Engine:
    """Loads a checkpoint onto a device. Raises ModelError, IntegrityError or DeviceOutOfMemory.

    name: auto, demo, tiny, small, base_plus, large, edgetam, sam3 or that of a trained one. device: auto, cpu, cuda or
    cuda:N. threads: 0 for all cores.
    """
    on_gpu = choose_device(device, threads=threads).type == "cuda"
    checkpoint = at_image_size(find(name, model_dir), options.image_size, on_gpu=on_gpu)
    return engine_of(checkpoint, device=device, threads=threads, options=options)


def engine_of(checkpoint: Checkpoint, *, device: str, threads: int, options: EngineOptions = DEFAULTS) -> Sam2Engine:
    """Loads a checkpoint's files onto a device, at the checkpoint's image size: see `load_engine`."""
    target = choose_device(device, threads=threads)
    # Not in inference mode: a CPU refuses to compute in bfloat16 with weights that were made in it.
    with telling_exhaustion(target):
        model = load_model(checkpoint).to(target)
    blocks = Sam2Blocks(
        model,
        max_prompted=options.max_prompted_frames_attended,
        precision=options.precision,
        compiling=Compiling(options.compile),
    )
    info = ModelInfo(
        name=checkpoint.name,
        version=stamped_version(checkpoint),
        image_size=blocks.image_size,
        device=str(target),
        is_demo=checkpoint.is_demo,
    )
    return Sam2Engine(blocks, info, options)


def _checked_range(info: VideoInfo, prompts: PromptSet, frame_range: FrameRange | None) -> FrameRange:
    require_locatable(prompts)
    for frame_index in prompts.prompted_frames:
        info.require_frame(frame_index)
    if frame_range is None:
        return FrameRange(FrameIndex(0), FrameIndex(info.frame_count))
    info.require_frame(frame_range.stop - 1)
    return frame_range
