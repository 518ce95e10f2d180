"""A GPU's table: frames a second at 1024 px for every published shape, beside upstream eager and `vos_optimized`.

Weights are seeded: their values do not matter for speed. "gpu" is what upstream's own benchmark times: frames from
memory, logits left on the device. "whole" is from an H.264 file to masks in host memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from backend.adapters.video.decode import open_video
from backend.application.offline import NeverCancelled
from backend.application.ports import VideoSource
from backend.domain.prompts import PromptSet
from backend.domain.video import ContentHash, Direction
from scripts.benchmarks.engine_figures.first_mask import kept_clip
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.benchmarks.engine_figures.models import Pair, seeded_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, whole
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours, run_upstream
from scripts.benchmarks.engine_figures.upstream import UpstreamSession

MODELS = ("tiny", "small", "base_plus", "large")
COMPILED, EAGER, OURS = "vos_optimized", "eager", "ours"


@dataclass(frozen=True, slots=True)
class Table:
    """What is measured. compiled: also upstream's compiled predictor, which takes minutes to warm up."""

    models: Sequence[str] = MODELS
    objects: Sequence[int] = (1, 10)
    image_size: int = 1024
    frames: int = 100
    laps: int = 3
    compiled: bool = True


def measure(setup: Setup) -> Figures:
    """Raises SystemExit where there is no CUDA device."""
    if setup.device.type != "cuda":
        raise SystemExit("the cuda figure needs a CUDA device: add --device cuda")
    yield from table(setup.device, Table(laps=1, frames=20, compiled=False) if setup.quick else Table())


def table(device: torch.device, wanted: Table) -> Figures:
    """Frames a second by model, number of objects and side, our ratio to each other side, and parity."""
    for model in wanted.models:
        sides = {EAGER: seeded_pair(model, device, image_size=wanted.image_size)}
        if wanted.compiled:
            sides[COMPILED] = seeded_pair(model, device, image_size=wanted.image_size, compiled=True)
        for count in wanted.objects:
            for scope in ("gpu", "whole"):
                speeds = frames_a_second(sides, wanted, count, scope)
                for side, speed in speeds.items():
                    yield f"cuda.{model}.{count}.{scope}.{side}_fps", speed
                    if side != OURS:
                        yield f"cuda.{model}.{count}.{scope}.over_{side}", speeds[OURS] / speed
        yield from errors(model, sides[EAGER], min(wanted.frames, 50))
        del sides
        if device.type == "cuda":
            torch.cuda.empty_cache()


def frames_a_second(sides: Mapping[str, Pair], wanted: Table, count: int, scope: str) -> dict[str, float]:
    """The best of alternating laps after one that warms up; a side that cannot run is told and left out."""
    prompts = boxes(count, frame=0)
    works: dict[str, Callable[[], None]] = {OURS: partial(our_lap, sides[EAGER], wanted, prompts, scope)}
    works |= {side: partial(upstream_lap, pair, wanted, prompts, scope) for side, pair in sides.items()}
    times: dict[str, list[float]] = {side: [] for side in works}
    for lap in range(wanted.laps + 1):
        for side, work in list(works.items()):
            try:
                taken = seconds(work)
            except RuntimeError as error:
                print(f"  {side} with {count} objects does not run: {str(error).splitlines()[0]}", flush=True)
                del works[side]
                continue
            if lap:
                times[side].append(taken)
    return {side: wanted.frames / min(taken) for side, taken in times.items() if taken}


def our_lap(pair: Pair, wanted: Table, prompts: PromptSet, scope: str) -> None:
    engine = pair.another_engine()
    if scope == "whole":
        with open_video(clip(wanted), ContentHash("clip")) as video:
            run_ours(engine, video, prompts)
    else:
        span = whole(wanted.frames)
        for _ in engine.track(
            in_memory(wanted), prompts, direction=Direction.FORWARD, span=span, cancel=NeverCancelled()
        ):
            pass
    wait_for(pair.device)


def upstream_lap(pair: Pair, wanted: Table, prompts: PromptSet, scope: str) -> None:
    if scope == "whole":
        with open_video(clip(wanted), ContentHash("clip")) as video:
            run_upstream(pair, video, prompts)
    else:
        session = UpstreamSession(pair.predictor, in_memory(wanted))
        session.prompt(prompts)
        for _ in session.steps():
            pass
    wait_for(pair.device)


def errors(model: str, pair: Pair, frames: int) -> Figures:
    """How far ours and upstream's own mixed precision are from upstream in float32: ours is to be no worse."""
    video, prompts = PanningVideo(frames, VIDEO_SIZE), boxes(2, frame=0)
    exact = upstream_masks(pair, video, prompts, precise=True)
    theirs = mean_error(upstream_masks(pair, video, prompts, precise=False), exact)
    ours = mean_error(our_masks(pair, video, prompts), exact)
    yield f"cuda.{model}.parity.ours_error", ours
    yield f"cuda.{model}.parity.upstream_error", theirs
    yield f"cuda.{model}.parity.ours_over_upstream", ours / theirs if theirs else float(ours > 0)


_Masks = dict[tuple[str, int], "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]


def upstream_masks(pair: Pair, video: VideoSource, prompts: PromptSet, *, precise: bool) -> _Masks:
    """Mask logits at the video's size by object and frame."""
    session = UpstreamSession(pair.predictor, video, precise=precise)
    session.prompt(prompts)
    return {(name, index): logits for name, frames in session.propagate().items() for index, logits in frames.items()}


def our_masks(pair: Pair, video: VideoSource, prompts: PromptSet) -> _Masks:
    """The same of our engine."""
    size, found = video.info.size, _Masks()
    for index, items in pair.another_engine().track(
        video,
        prompts,
        direction=Direction.FORWARD,
        span=whole(video.info.frame_count),
        cancel=NeverCancelled(),
    ):
        for item in items:
            full = F.interpolate(item.decoded.logits.float(), size=(size.height, size.width), mode="bilinear")
            found[item.track.object_id, index] = full[0, 0].cpu().numpy()
    return found


def mean_error(found: _Masks, exact: _Masks) -> float:
    """Mean absolute difference of the logits over all objects and frames. Raises KeyError for one that is missing."""
    return float(np.mean([np.abs(found[key] - exact[key]).mean() for key in exact]))


def in_memory(wanted: Table) -> PanningVideo:
    return PanningVideo(wanted.frames, VIDEO_SIZE)


def clip(wanted: Table) -> Path:
    return kept_clip(wanted.frames)


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
