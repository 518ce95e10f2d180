"""A click on a file, and memory over a long video: our engine alone, tiny's shape."""

from __future__ import annotations

import statistics
import tempfile
from functools import partial
from pathlib import Path

import torch

from backend.adapters.media.index import IndexCache
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.runtime.device import choose_device
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.application.ports.engine import NeverCancelled
from backend.domain.video import Direction, FrameIndex
from scripts.benchmarks.engine_figures.first_mask import CLICKED, cached_clip, first_answer
from scripts.benchmarks.engine_figures.measuring import seconds, slope
from scripts.benchmarks.engine_figures.memory import CACHE_MIB, MIB, SETTLED, sampler
from scripts.benchmarks.engine_figures.models import Pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE
from scripts.benchmarks.percentiles import percentile
from scripts.gpu_steps.measured.sides import pair_of, table_of
from scripts.gpu_steps.plan import is_tiny
from scripts.gpu_steps.work import Measured

MODEL = "tiny"


def first_mask(device: str) -> Measured:
    """Seconds from opening an H.264 file with a known index to the mask of a click on frame 60, and clicks alone."""
    choose_device(device, threads=1)
    tiny = is_tiny(device)
    pair = pair_of(MODEL, device, table_of(device).precision)
    pair.engine.warm_up()
    yield from _clicks(pair, 3 if tiny else 40)
    best: dict[str, float] = {}
    for name, frames in (("short", 100), ("long", 200 if tiny else 5_000)):
        clip = cached_clip(frames)
        with tempfile.TemporaryDirectory() as folder:
            indices = IndexCache(Path(folder))
            answer = partial(first_answer, pair, clip, indices)
            answer()  # the index is made
            best[name] = min(seconds(answer) for _ in range(2 if tiny else 5))
        yield f"first_mask.{name}_s", best[name]
    yield "first_mask.long_over_short", best["long"] / best["short"]


def _clicks(pair: Pair, count: int) -> Measured:
    """Clicks on frames that were not encoded before, and on frames that were."""
    video = PanningVideo(CLICKED + count, VIDEO_SIZE)
    engine = pair.another_engine()
    for name in ("click_cold", "click_warm"):
        times = []
        for frame in range(count):
            prompts = boxes(1, frame=frame)
            times.append(seconds(partial(engine.segment, video, prompts, FrameIndex(frame))))
        yield f"first_mask.{name}_p50_ms", 1000 * statistics.median(times)
        yield f"first_mask.{name}_p95_ms", 1000 * percentile(times, 0.95)


def memory(device: str) -> Measured:
    """MiB a further frame over 5,000 frames, host and device; told every 1,000 frames, so that a cut leaves some."""
    choose_device(device, threads=1)
    frames, settled, every = (96, 24, 48) if is_tiny(device) else (5_000, SETTLED, 1_000)
    pair = pair_of(MODEL, device, table_of(device).precision)
    engine = Sam2Engine(pair.engine.blocks, pair.engine.model, EngineOptions(feature_cache_mib=CACHE_MIB))
    record, samples = sampler(pair.device)
    masks = engine.propagate(
        PanningVideo(frames, VIDEO_SIZE), boxes(1, frame=0), direction=Direction.FORWARD, cancel=NeverCancelled()
    )
    for item in masks:
        record(item.frame_index)
        counted = [sample for sample in samples if sample.frame >= settled]
        if (item.frame_index + 1) % every == 0 and len(counted) > 1:
            yield "memory.frames", float(item.frame_index + 1)
            yield "memory.host_mib_per_frame", slope([(one.frame, one.host / MIB) for one in counted])
            # Rounded to about a byte a frame: the slope through equal numbers is zero up to rounding.
            on_device = slope([(one.frame, one.device / MIB) for one in counted])
            yield "memory.device_mib_per_frame", round(on_device, 6)
    if pair.device.type == "cuda":
        yield "memory.device_peak_mib", torch.cuda.max_memory_allocated(pair.device) / MIB
