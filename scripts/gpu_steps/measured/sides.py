"""Parity and speed: our engine in one way of compiling, or upstream's predictor, with the same seeded weights."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import numpy as np
import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.runtime.compiled_steps import Compiling
from backend.adapters.sam2.runtime.device import choose_device
from backend.application.ports.engine import NeverCancelled
from backend.application.ports.media import VideoSource
from backend.domain.errors import DeviceOutOfMemory
from backend.domain.geometry import box_of_mask
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex
from scripts.benchmarks.engine_figures import cuda
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.benchmarks.engine_figures.models import Pair, demo_pair, seeded_engine, seeded_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, prompt_set
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE
from scripts.benchmarks.engine_figures.upstream import float32
from scripts.calibration.clip_appearance import Split
from scripts.calibration.clips import split_clip
from scripts.gpu_steps.children import Figure
from scripts.gpu_steps.plan import is_tiny
from scripts.gpu_steps.work import Measured

PARITY_FRAMES, TINY_PARITY_FRAMES = 20, 6
STABLE_CLIP = 1


def table_of(device: str) -> cuda.Table:
    """The sizes of a row."""
    if is_tiny(device):
        return cuda.Table(objects=(1, 2), image_size=128, frames=3, repeats=1, precision="float32")
    return cuda.Table(frames=100, repeats=2)


def parity(device: str, model: str) -> Measured:
    """Mean errors of the mask logits against upstream in float32 without TF32, two objects.

    bf16: our engine in bfloat16. fp32: in float32, with TF32 where a worker uses it. exact: without TF32. The demo
    model has no ratio in bfloat16: its trained weights turn a rounding into another mask on either side. on_the_host:
    the masks that a worker gets against those of our engine's logits on the device.
    """
    target = choose_device(device, threads=1)
    frames = TINY_PARITY_FRAMES if is_tiny(device) else PARITY_FRAMES
    video, prompts = drawn_objects() if model == "demo" else (PanningVideo(frames, VIDEO_SIZE), boxes(2, frame=0))
    mixed = pair_of(model, device, "bfloat16")
    exact = cuda.upstream_masks(mixed, video, prompts, precise=True)
    theirs = cuda.upstream_masks(mixed, video, prompts, precise=False)
    upstream_error = cuda.mean_error(theirs, exact)
    yield f"parity.{model}.upstream_bf16_error", upstream_error
    ours = cuda.our_masks(mixed.engine, video, prompts)
    yield f"parity.{model}.on_the_host_iou_min", smallest_iou(on_the_host(mixed.engine, video, prompts), ours)
    yield f"parity.{model}.bf16_error", cuda.mean_error(ours, exact)
    if model != "demo":
        yield f"parity.{model}.bf16_over_upstream", cuda.mean_error(ours, exact) / upstream_error
    yield f"parity.{model}.bf16_iou_min", smallest_iou(ours, exact)
    yield f"parity.{model}.upstream_bf16_iou_min", smallest_iou(theirs, exact)
    del mixed
    if target.type == "cuda":
        torch.cuda.empty_cache()
    single = pair_of(model, device, "float32")
    ours = cuda.our_masks(single.engine, video, prompts)
    yield f"parity.{model}.fp32_error", cuda.mean_error(ours, exact)
    yield f"parity.{model}.fp32_over_upstream_bf16", cuda.mean_error(ours, exact) / upstream_error
    with float32():
        ours = cuda.our_masks(single.another_engine(), video, prompts)
    yield f"parity.{model}.exact_error", cuda.mean_error(ours, exact)
    yield f"parity.{model}.exact_iou_min", smallest_iou(ours, exact)


def drawn_objects() -> tuple[VideoSource, PromptSet]:
    """A generated clip and a box around each of two objects.

    The demo model is compared on it: on noise, and on some clips, a change of its weights by 1e-5 changes its masks, by
    an IoU of 0.94 and less. On this clip 1e-4 leaves 0.998.
    """
    drawn = split_clip(Split.TEST, STABLE_CLIP)
    around = [box for mask in drawn.masks[0] if (box := box_of_mask(mask)) is not None][:2]
    prompts = [FramePrompt(ObjectId(f"object {n}"), FrameIndex(0), box=box) for n, box in enumerate(around)]
    return drawn.video, prompt_set(prompts)


def pair_of(model: str, device: str, precision: str) -> Pair:
    """Both sides: the demo model at its own size, or a published shape at the table's."""
    target = torch.device(device)
    if model == "demo":
        return demo_pair(target, precision=precision)
    return seeded_pair(model, target, image_size=table_of(device).image_size, precision=precision)


def on_the_host(engine: Sam2Engine, video: VideoSource, prompts: PromptSet) -> cuda.Masks:
    """The masks that a worker gets, 1 or -1 for each pixel [H, W] float32, by object and frame."""
    engine.forget(video.info.content_hash)
    frames = engine.propagate(video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled())
    return {
        (item.object_id, frame.frame_index): np.where(item.mask, 1, -1).astype(np.float32)
        for frame in frames
        for item in frame.objects
    }


def smallest_iou(found: cuda.Masks, exact: cuda.Masks) -> float:
    """The smallest IoU of two sides' masks over all objects and frames; 1.0 where both are empty."""
    shares: list[float] = []
    for key, logits in exact.items():
        ours, theirs = found[key] > 0, logits > 0
        united = np.count_nonzero(ours | theirs)
        shares.append(np.count_nonzero(ours & theirs) / united if united else 1.0)
    return float(min(shares))


def speed(device: str, model: str, way: str) -> Measured:
    """Frames a second of one side: best repeat after a warm-up; `gpu` and `whole` as in the bench's cuda figure.

    An error costs the figure of its count of objects and scope; raises SystemExit at the end if there was one.
    """
    choose_device(device, threads=1)
    wanted, failures = table_of(device), list[str]()
    run = yield from side(device, model, way, wanted)
    for count in wanted.objects:
        for scope in ("gpu", "whole"):
            try:
                times = [seconds(partial(run, boxes(count, frame=0), scope)) for _ in range(wanted.repeats + 1)]
            except (RuntimeError, AssertionError, DeviceOutOfMemory) as error:
                failures.append(f"{count} objects, {scope}: {(str(error) or repr(error)).splitlines()[0]}")
            else:
                yield f"speed.{model}.{count}.{scope}.{way}", wanted.frames / min(times[1:])
    if failures:
        raise SystemExit("; ".join(failures))


def side(device: str, model: str, way: str, wanted: cuda.Table) -> Generator[tuple[str, Figure], None, cuda.TimedRun]:
    """The warmed-up side of a way of WAYS. Yields the warm-up's seconds and the form of our steps."""
    target, size, precision = torch.device(device), wanted.image_size, wanted.precision
    if way in ("eager", "vos_optimized"):
        compiled = way == "vos_optimized"
        pair = seeded_pair(model, target, image_size=size, compiled=compiled, precision=precision)
        return partial(cuda.run_upstream_predictor, pair, wanted)
    mode = way.partition("_")[2] or "off"
    engine = seeded_engine(model, target, image_size=size, precision=precision, compiling=Compiling(mode))
    yield f"warm_up.{model}.{way}_s", seconds(engine.warm_up)
    yield f"warm_up.{model}.{way}", "; ".join(engine.blocks.compile_report)
    return partial(cuda.run_our_engine, engine, wanted)
