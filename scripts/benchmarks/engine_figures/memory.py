"""Memory: what each further frame costs, ours beside upstream's, each in a process of its own.

Frames are made on the fly. Both processes run at the same time, for nothing is timed. Upstream goes through fewer
frames: its growth shows after hundreds, and 5,000 frames of it would take memory for nothing.
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
"""Frames after which memory that is bounded has reached its bound."""

CACHE_MIB = 32
"""Features kept: little enough for the cache to be full when the counting starts, for it is bounded, not free."""

SAMPLE_EVERY = 24
"""A multiple of the frames encoded in one call, so that every sample finds as many features waiting."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes in use after a frame: resident on the host, allocated on the device."""

    frame: int
    host: int
    device: int


def measure(setup: Setup) -> Figures:
    """MiB a frame, as the slope of a straight line through what was in use after frame 200."""
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
    # To a byte a frame: the slope through equal numbers is zero but for their rounding.
    yield "memory.device_mib_per_frame", round(slope([(item.frame, item.device / MIB) for item in samples["host"]]), 6)
    yield (
        "memory.upstream_device_mib_per_frame",
        slope([(item.frame, item.device / MIB) for item in samples["upstream_host"]]),
    )
    yield "memory.frames", float(ours)
    yield "memory.upstream_frames", float(theirs)
    yield "memory.host_peak_mib", max(item.host for item in samples["host"]) / MIB


def our_samples(device: str, frames: int) -> list[Sample]:
    """One object carried by the engine, its masks thrown away as a worker does once they are stored."""
    pair = _pair(device)
    engine = Sam2Engine(pair.engine.blocks, pair.engine.model, EngineOptions(feature_cache_mib=CACHE_MIB))
    video = PanningVideo(frames, VIDEO_SIZE)
    masks = engine.propagate(video, boxes(1, frame=0), direction=Direction.FORWARD, cancel=NeverCancelled())
    note, samples = sampler(pair.device)
    for item in masks:
        note(item.frame_index)
    return samples


def upstream_samples(device: str, frames: int, *, keep_images: bool) -> list[Sample]:
    """The same by upstream's predictor.

    keep_images: hold every frame it asked for as float32, as its own loader does; without, its tracking state alone.
    """
    pair = _pair(device)
    session = UpstreamSession(pair.predictor, PanningVideo(frames, VIDEO_SIZE), keep_images=keep_images)
    session.prompt(boxes(1, frame=0))
    note, samples = sampler(pair.device)
    for frame_index, _, _ in session.steps():
        note(frame_index)
    return samples


def sampler(device: torch.device) -> tuple[Callable[[int], None], list[Sample]]:
    """What to tell every frame to, and where its samples gather."""
    samples: list[Sample] = []

    def note(frame_index: int) -> None:
        if frame_index % SAMPLE_EVERY == 0:
            used = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
            samples.append(Sample(frame_index, resident_bytes(), used))

    return note, samples


def resident_bytes() -> int:
    """This process's resident memory."""
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(resident.split()[1]) * 1024


def _pair(device: str) -> Pair:
    torch.set_num_threads(1)
    return demo_pair(torch.device(device))
