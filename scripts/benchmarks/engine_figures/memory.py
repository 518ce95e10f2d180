"""Memory per further frame, ours and upstream's, each in its own process.

Frames are generated on the fly. The processes run at the same time, because nothing is timed. Upstream processes fewer
frames: its growth is visible after hundreds.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.application.ports.engine import NeverCancelled
from backend.domain.video import Direction
from scripts.benchmarks.engine_figures.measuring import slope
from scripts.benchmarks.engine_figures.models import Pair, demo_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.upstream import UpstreamSession

MIB = 2**20
SETTLED = 200
"""Frames after which bounded memory has reached its bound."""

CACHE_MIB = 32
"""Feature cache: small enough to be full before the first counted sample, because its growth must not count."""

SAMPLE_EVERY = 24
"""A multiple of the encoder's batch, so that every sample has the same number of encoded frames in use."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes in use after a frame: resident on the host, allocated on the device."""

    frame: int
    host: int
    device: int


def measure(setup: Setup) -> Figures:
    """MiB per frame: the slope of a line through the memory in use after frame 200."""
    ours = setup.of(5_000, 60)
    theirs = setup.of(600, 60)
    settled = setup.of(SETTLED, 20)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        running = {
            "host": pool.submit(our_samples, str(setup.device), ours),
            "upstream_host": pool.submit(upstream_samples, str(setup.device), theirs, keep_images=True),
            "upstream_state": pool.submit(upstream_samples, str(setup.device), theirs, keep_images=False),
        }
        samples = {name: [item for item in job.result() if item.frame >= settled] for name, job in running.items()}
    for name, kept in samples.items():
        yield f"memory.{name}_mib_per_frame", slope([(item.frame, item.host / MIB) for item in kept])
    # Rounded to about a byte per frame: the slope through equal numbers is zero up to rounding errors.
    yield "memory.device_mib_per_frame", round(slope([(item.frame, item.device / MIB) for item in samples["host"]]), 6)
    yield (
        "memory.upstream_device_mib_per_frame",
        slope([(item.frame, item.device / MIB) for item in samples["upstream_host"]]),
    )
    yield "memory.frames", float(ours)
    yield "memory.upstream_frames", float(theirs)
    yield "memory.host_peak_mib", max(item.host for item in samples["host"]) / MIB


def our_samples(device: str, frames: int) -> list[Sample]:
    """Samples of our propagation of one object; masks are dropped at once, as in a worker after storing."""
    pair = _pair(device)
    engine = Sam2Engine(pair.engine.blocks, pair.engine.model, EngineOptions(feature_cache_mib=CACHE_MIB))
    video = PanningVideo(frames, VIDEO_SIZE)
    masks = engine.propagate(video, boxes(1, frame=0), direction=Direction.FORWARD, cancel=NeverCancelled())
    record, samples = sampler(pair.device)
    for item in masks:
        record(item.frame_index)
    return samples


def upstream_samples(device: str, frames: int, *, keep_images: bool) -> list[Sample]:
    """Samples of upstream's propagation of one object.

    keep_images: keep every requested frame as float32, as upstream's loader does; without, its tracking state alone.
    """
    pair = _pair(device)
    session = UpstreamSession(
        pair.predictor, PanningVideo(frames, VIDEO_SIZE), precision=pair.precision, keep_images=keep_images
    )
    session.prompt(boxes(1, frame=0))
    record, samples = sampler(pair.device)
    for frame_index, _, _ in session.steps():
        record(frame_index)
    return samples


def sampler(device: torch.device) -> tuple[Callable[[int], None], list[Sample]]:
    """A function to call on every frame, and the list of its samples."""
    samples: list[Sample] = []

    def record(frame_index: int) -> None:
        if frame_index % SAMPLE_EVERY == 0:
            used = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
            samples.append(Sample(frame_index, resident_bytes(), used))

    return record, samples


def resident_bytes() -> int:
    """This process's resident memory in bytes."""
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(resident.split()[1]) * 1024


def _pair(device: str) -> Pair:
    torch.set_num_threads(1)
    return demo_pair(torch.device(device))
