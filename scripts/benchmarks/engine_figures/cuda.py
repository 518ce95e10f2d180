"""The GPU table: frames per second at 1024 px for every published shape, beside upstream eager and `vos_optimized`.

Weights are seeded; their values do not matter for speed. "gpu" is the scope of upstream's own benchmark: frames from
memory, logits left on the device. "whole" is from an H.264 file to masks in host memory. Our side runs uncompiled and
in each other way of MASKLET_COMPILE, warmed up as in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from backend.adapters.media.decode import open_video
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.runtime.compiled_steps import Compiling
from backend.application.ports.engine import NeverCancelled
from backend.application.ports.media import VideoSource
from backend.domain.errors import DeviceOutOfMemory
from backend.domain.prompts import PromptSet
from backend.domain.video import ContentHash, Direction
from scripts.benchmarks.engine_figures.first_mask import cached_clip
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.benchmarks.engine_figures.models import Pair, seeded_engine, seeded_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, whole
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours, run_upstream
from scripts.benchmarks.engine_figures.upstream import UpstreamSession

MODELS = ("tiny", "small", "base_plus", "large")
COMPILED, EAGER, OURS = "vos_optimized", "eager", "ours"

TimedRun = Callable[[PromptSet, str], None]
"""Propagates the prompts' objects through the video, from memory ("gpu") or from a file ("whole")."""


@dataclass(frozen=True, slots=True)
class Table:
    """The contents of the table.

    variants: values of MASKLET_COMPILE besides off. compiled: also upstream's compiled predictor. Both take minutes to
    warm up.
    precision: of both sides. repeats: timed repeats.
    """

    models: Sequence[str] = MODELS
    objects: Sequence[int] = (1, 10)
    image_size: int = 1024
    frames: int = 100
    repeats: int = 3
    variants: Sequence[str] = ("graphs", "default", "max")
    compiled: bool = True
    precision: str = "auto"


def measure(setup: Setup) -> Figures:
    """Raises SystemExit without a CUDA device."""
    if setup.device.type != "cuda":
        raise SystemExit("the cuda figure needs a CUDA device: add --device cuda")
    yield from table(setup.device, wanted_table(setup))


def wanted_table(setup: Setup) -> Table:
    """The table of a run."""
    table = Table(repeats=1, frames=20, variants=("graphs",), compiled=False) if setup.quick else Table()
    if setup.models is not None:
        table = replace(table, models=setup.models)
    return table if setup.ways is None else replace(table, variants=setup.ways)


def table(device: torch.device, wanted: Table) -> Figures:
    """Frames per second by model, number of objects and side; our ratio to each other side; parity."""
    for model in wanted.models:
        pair = seeded_pair(model, device, image_size=wanted.image_size, precision=wanted.precision)
        sides = sides_of(model, pair, wanted)
        for count in wanted.objects:
            for scope in ("gpu", "whole"):
                speeds = frames_a_second(sides, wanted, count, scope)
                for side, speed in speeds.items():
                    yield f"cuda.{model}.{count}.{scope}.{side}_fps", speed
                    if side != OURS and OURS in speeds:
                        yield f"cuda.{model}.{count}.{scope}.over_{side}", speeds[OURS] / speed
        yield from errors(model, pair, min(wanted.frames, 50))
        del pair, sides
        if device.type == "cuda":
            torch.cuda.empty_cache()


def sides_of(model: str, pair: Pair, wanted: Table) -> dict[str, TimedRun]:
    """The timed run of every side: ours uncompiled and in the wanted ways, upstream's eager and compiled."""
    size, device, precision = wanted.image_size, pair.device, wanted.precision
    pair.engine.warm_up()
    sides: dict[str, TimedRun] = {
        OURS: partial(run_our_engine, pair.engine, wanted),
        EAGER: partial(run_upstream_predictor, pair, wanted),
    }
    for way in wanted.variants:
        engine = seeded_engine(model, device, image_size=size, precision=precision, compiling=Compiling(way))
        engine.warm_up()
        sides[f"{OURS}_{way}"] = partial(run_our_engine, engine, wanted)
    if wanted.compiled:
        compiled = seeded_pair(model, device, image_size=size, compiled=True, precision=precision)
        sides[COMPILED] = partial(run_upstream_predictor, compiled, wanted)
    return sides


def frames_a_second(sides: Mapping[str, TimedRun], wanted: Table, count: int, scope: str) -> dict[str, float]:
    """Best frames per second over alternating repeats after a warm-up; a side that fails is reported and excluded."""
    prompts = boxes(count, frame=0)
    running = dict(sides)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for repeat in range(wanted.repeats + 1):
        for side, run in list(running.items()):
            try:
                elapsed_s = seconds(partial(run, prompts, scope))
            except (RuntimeError, AssertionError, DeviceOutOfMemory) as error:
                print(f"  {side} with {count} objects does not run: {(str(error) or repr(error)).splitlines()[0]}")
                del running[side]
                continue
            if repeat:
                times[side].append(elapsed_s)
    return {side: wanted.frames / min(elapsed_s) for side, elapsed_s in times.items() if elapsed_s}


def run_our_engine(engine: Sam2Engine, wanted: Table, prompts: PromptSet, scope: str) -> None:
    """Runs a warmed-up engine on frames that it has to encode anew; as in a worker, its cache keeps its memory."""
    if scope == "whole":
        with open_video(clip(wanted), ContentHash("clip")) as opened:
            engine.forget(opened.info.content_hash)
            run_ours(engine, opened, prompts)
    else:
        video, frame_range = in_memory(wanted), whole(wanted.frames)
        engine.forget(video.info.content_hash)
        for _ in engine.track(
            video, prompts, direction=Direction.FORWARD, frame_range=frame_range, cancel=NeverCancelled()
        ):
            pass
    wait_for(engine.blocks.device)


def run_upstream_predictor(pair: Pair, wanted: Table, prompts: PromptSet, scope: str) -> None:
    if scope == "whole":
        with open_video(clip(wanted), ContentHash("clip")) as video:
            run_upstream(pair, video, prompts)
    else:
        session = UpstreamSession(pair.predictor, in_memory(wanted), precision=pair.precision)
        session.prompt(prompts)
        for _ in session.steps():
            pass
    wait_for(pair.device)


def errors(model: str, pair: Pair, frames: int) -> Figures:
    """Errors of our and upstream's mixed precision against upstream in float32. Goal: ours is not larger."""
    video, prompts = PanningVideo(frames, VIDEO_SIZE), boxes(2, frame=0)
    exact = upstream_masks(pair, video, prompts, precise=True)
    theirs = mean_error(upstream_masks(pair, video, prompts, precise=False), exact)
    ours = mean_error(our_masks(pair.engine, video, prompts), exact)
    yield f"cuda.{model}.parity.ours_error", ours
    yield f"cuda.{model}.parity.upstream_error", theirs
    yield f"cuda.{model}.parity.ours_over_upstream", ours / theirs if theirs else float(ours > 0)


Masks = dict[tuple[str, int], "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]
"""Mask logits [H, W] by object and frame."""


def upstream_masks(pair: Pair, video: VideoSource, prompts: PromptSet, *, precise: bool) -> Masks:
    """Upstream's mask logits at the video's size by object and frame."""
    session = UpstreamSession(pair.predictor, video, precise=precise, precision=pair.precision)
    session.prompt(prompts)
    return {(name, index): logits for name, frames in session.propagate().items() for index, logits in frames.items()}


def our_masks(engine: Sam2Engine, video: VideoSource, prompts: PromptSet) -> Masks:
    """Our engine's mask logits at the video's size by object and frame."""
    size, found = video.info.size, Masks()
    for index, items in engine.track(
        video,
        prompts,
        direction=Direction.FORWARD,
        frame_range=whole(video.info.frame_count),
        cancel=NeverCancelled(),
    ):
        for item in items:
            full = F.interpolate(item.decoded.logits.float(), size=(size.height, size.width), mode="bilinear")
            found[item.track.object_id, index] = full[0, 0].cpu().numpy()
    return found


def mean_error(found: Masks, exact: Masks) -> float:
    """Mean absolute difference of the logits over all objects and frames. Raises KeyError for a missing one."""
    return float(np.mean([np.abs(found[key] - exact[key]).mean() for key in exact]))


def in_memory(wanted: Table) -> PanningVideo:
    return PanningVideo(wanted.frames, VIDEO_SIZE)


def clip(wanted: Table) -> Path:
    return cached_clip(wanted.frames)


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
