"""Where a frame's time goes: the shares of decoding, encoding, attention, mask decoder, memory and run lengths."""

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
from scripts.benchmarks.engine_figures.first_mask import SHORT, kept_clip
from scripts.benchmarks.engine_figures.measuring import shares
from scripts.benchmarks.engine_figures.models import demo_model
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import Figures, Setup

PARTS = ("decode", "encode", "attention", "decoder", "memory encoder", "RLE", "the rest")


class Meter:
    """Adds up seconds by part. On a CUDA device it waits for the device, so that each part pays for its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._depth = 0

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Time what happens inside; a part within a part is the outer one's."""
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
"""The model's steps and the parts they are."""


def metered(blocks: Sam2Blocks, meter: Meter) -> Sam2Blocks:
    """The same blocks, each of whose steps is timed from now on. Raises AttributeError for a step that is gone."""
    for step, part in STEPS.items():
        setattr(blocks, step, _timed(getattr(blocks, step), meter, part))
    return blocks


def _timed(work: Callable[..., object], meter: Meter, part: str) -> Callable[..., object]:
    def timed(*arguments: object, **named: object) -> object:
        with meter.of(part):
            return work(*arguments, **named)

    return timed


def measure(setup: Setup) -> Figures:
    """Shares of one object's way and five objects' through a video file, from the file to stored run lengths.

    `the rest` is resizing frames, evidence, masks brought to the video's size, and what lies between the parts.
    """
    for count, label in ((1, "one_object"), (5, "five_objects")):
        for part, share in shares(measured_parts(setup, count)).items():
            yield f"share.{label}.{part.replace(' ', '_')}", share


def measured_parts(setup: Setup, objects: int) -> dict[str, float]:
    """Seconds by part."""
    frames = setup.of(SHORT, 6)
    meter = Meter(setup.device)
    blocks = metered(Sam2Blocks(demo_model().to(setup.device)), meter)
    info = ModelInfo("demo", "demo", blocks.image_size, str(setup.device), is_demo=True)
    codec = CocoCodec()
    clip = kept_clip(SHORT)
    span = FrameRange(FrameIndex(0), FrameIndex(frames))
    with open_video(clip, ContentHash(clip.stem)) as video:
        started = time.perf_counter()
        for _ in video.frames(span):
            pass
        meter.seconds["decode"] = time.perf_counter() - started
        engine = Sam2Engine(blocks, info)
        started = time.perf_counter()
        for masks in engine.propagate(
            video, boxes(objects, frame=0), direction=Direction.FORWARD, span=span, cancel=NeverCancelled()
        ):
            with meter.of("RLE"):
                encoded(masks, codec)
        whole = time.perf_counter() - started
    meter.seconds["the rest"] = max(whole - sum(meter.seconds.values()), 0.0)
    return meter.seconds
