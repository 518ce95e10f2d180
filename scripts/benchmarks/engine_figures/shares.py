"""A frame's time by part: shares of decoding, encoding, attention, mask decoder, memory and run lengths."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from backend.adapters.media.decode import open_video
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.application.ports.engine import NeverCancelled
from backend.application.worker.mask_records import encoded
from backend.codecs.coco_rle import CocoCodec
from backend.domain.jobs import ModelInfo
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange
from scripts.benchmarks.engine_figures.first_mask import SHORT, cached_clip
from scripts.benchmarks.engine_figures.measuring import shares
from scripts.benchmarks.engine_figures.models import demo_model
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import Figures, Setup

PARTS = ("decode", "encode", "attention", "decoder", "memory encoder", "RLE", "the rest")


class PartTimer:
    """Sums seconds by part. On a CUDA device it synchronizes, so that each part has its own time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._depth = 0

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Times the block; a nested part counts for the outer part."""
        self._depth += 1
        started = self._now()
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self.seconds[part] += self._now() - started

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


STEPS = {"encode_image": "encode", "attend_memory": "attention", "decode": "decoder", "encode_memory": "memory encoder"}
"""The parts of the model's steps."""


def timed_blocks(blocks: Sam2Blocks, timer: PartTimer) -> Sam2Blocks:
    """Wraps the steps of the blocks in timers and returns the blocks. Raises AttributeError for a missing step."""
    for step, part in STEPS.items():
        setattr(blocks, step, _timed(getattr(blocks, step), timer, part))
    return blocks


def _timed(work: Callable[..., object], timer: PartTimer, part: str) -> Callable[..., object]:
    def timed(*arguments: object, **named: object) -> object:
        with timer.of(part):
            return work(*arguments, **named)

    return timed


def measure(setup: Setup) -> Figures:
    """Shares for one and five objects, from the video file to the stored run lengths.

    `the rest` covers frame resizing, evidence, mask upscaling, and the time between the parts.
    """
    for count, label in ((1, "one_object"), (5, "five_objects")):
        for part, share in shares(measured_parts(setup, count)).items():
            yield f"share.{label}.{part.replace(' ', '_')}", share


def measured_parts(setup: Setup, objects: int) -> dict[str, float]:
    """Seconds by part."""
    frames = setup.of(SHORT, 6)
    timer = PartTimer(setup.device)
    blocks = timed_blocks(Sam2Blocks(demo_model().to(setup.device)), timer)
    info = ModelInfo("demo", "demo", blocks.image_size, str(setup.device), is_demo=True)
    codec = CocoCodec()
    clip = cached_clip(SHORT)
    measured = FrameRange(FrameIndex(0), FrameIndex(frames))
    with open_video(clip, ContentHash(clip.stem)) as video:
        started = time.perf_counter()
        for _ in video.frames(measured):
            pass
        timer.seconds["decode"] = time.perf_counter() - started
        engine = Sam2Engine(blocks, info)
        started = time.perf_counter()
        for masks in engine.propagate(
            video,
            boxes(objects, frame=0),
            direction=Direction.FORWARD,
            frame_range=measured,
            cancel=NeverCancelled(),
        ):
            with timer.of("RLE"):
                encoded(masks, video, codec)
        whole = time.perf_counter() - started
    timer.seconds["the rest"] = max(whole - sum(timer.seconds.values()), 0.0)
    return timer.seconds
