"""Our engine against SAM 2's own video predictor, in one run: same weights, same frames, same prompts.

    ./scripts/bench engine [--json FILE] [--model NAME] [--frames N] [--device NAME] [--threads N]

Speeds are ratios, ours over upstream's, each the best of a few alternating runs; above 1 means ours is faster.
Without a checkpoint, random weights in the demo checkpoint's shape are used: speed and parity do not ask for sense.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch

from backend.adapters.sam2.device import choose_device
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.video.decode import open_video
from backend.adapters.video.index import IndexCache
from backend.application.offline import NeverCancelled
from backend.domain.geometry import mask_iou
from backend.domain.video import ContentHash, Direction, FrameIndex
from scripts.benchmarks.engine_sides import (
    SIZE,
    Pair,
    PanningVideo,
    boxes,
    make_pair,
    our_logits,
    run_ours,
    run_upstream,
    upstream_logits,
    whole,
)

SHORT_FRAMES, LONG_FRAMES = 100, 10_000
FIRST_CLICK = FrameIndex(60)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench engine", description="Our engine against SAM 2's own predictor.")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--model", default="demo", help="checkpoint, or `random`; default: demo, else random")
    parser.add_argument("--frames", type=int, default=30, help="frames for parity and speed")
    parser.add_argument("--repeats", type=int, default=3, help="alternating runs per speed figure")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args(arguments)
    device = choose_device(given.device, threads=given.threads)
    pair = make_pair(given.model, device)
    report: dict[str, object] = {
        "model": pair.engine.model.version,
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "image_size": pair.engine.model.image_size,
        "frames": given.frames,
        **parity(pair, given.frames),
        **speed(pair, given.frames, given.repeats),
        **memory(pair),
        **first_mask(pair),
    }
    for key, value in report.items():
        print(f"{key:32} {value:.6g}" if isinstance(value, float) else f"{key:32} {value}")
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def parity(pair: Pair, frame_count: int) -> dict[str, object]:
    """Smallest IoU and largest logit difference over three objects' frames, forward and back."""
    video, prompts = PanningVideo(frame_count), boxes(3, frame=frame_count // 3)
    got = our_logits(pair, video, prompts)
    expected = upstream_logits(pair, video, prompts)
    if got.keys() != expected.keys():
        raise SystemExit("parity: ours and upstream's do not cover the same frames")
    return {
        "parity.iou_min": min(mask_iou(got[key] > 0, expected[key] > 0) for key in expected),
        "parity.logit_max": max(float(np.abs(got[key] - expected[key]).max()) for key in expected),
        "parity.masks": len(expected),
        "parity.distinct_areas": len({int((logits > 0).sum()) for logits in expected.values()}),
    }


def speed(pair: Pair, frame_count: int, repeats: int) -> dict[str, object]:
    """Frames a second from the prompted frame on, masks at the video's size included."""
    figures: dict[str, object] = {}
    video = PanningVideo(frame_count)
    for label, count in (("one_object", 1), ("five_objects", 5)):
        prompts = boxes(count, frame=0)
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(_seconds(partial(run_ours, pair, video, prompts)))
            theirs.append(_seconds(partial(run_upstream, pair, video, prompts)))
        figures[f"speed.{label}"] = min(theirs) / min(ours)
        figures[f"speed.{label}_fps"] = frame_count / min(ours)
        figures[f"speed.{label}_upstream_fps"] = frame_count / min(theirs)
    return figures


def memory(pair: Pair) -> dict[str, object]:
    """Bytes of tracking state per frame, between frames 40 and 80: 0 means that length costs nothing."""
    held: dict[int, int] = {}
    masks = pair.engine.track(
        PanningVideo(81), boxes(2, frame=0), direction=Direction.FORWARD, span=whole(81), cancel=NeverCancelled()
    )
    for frame_index, items in masks:
        if frame_index in (40, 80):
            views = [item.track.memory.view for item in items]
            frames = [frame for view in views for frame in (*view.prompted.values(), *view.tracked.values())]
            tensors = [tensor for frame in frames for tensor in (frame.features, frame.pointer) if tensor is not None]
            held[frame_index] = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
    return {"memory.slope_bytes_per_frame": (held[80] - held[40]) / 40, "memory.two_objects_bytes": held[80]}


def first_mask(pair: Pair) -> dict[str, object]:
    """Seconds from opening a file to a click's mask, in a short and a long video, first and second opening apart."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[tuple[str, bool], float] = {}
        for label, count in (("short", SHORT_FRAMES), ("long", LONG_FRAMES)):
            path = _write_clip(Path(folder) / f"{label}.mp4", count)
            indices = IndexCache(Path(folder) / "indices")
            for is_known in (False, True):
                seconds[label, is_known] = _seconds(partial(_first_answer, pair, path, indices))
        figures["speed.first_mask_long_over_short"] = seconds["long", True] / seconds["short", True]
        figures["speed.first_mask_long_over_short_unknown"] = seconds["long", False] / seconds["short", False]
        figures["speed.first_mask_long_s"] = seconds["long", True]
    return figures


def _first_answer(pair: Pair, path: Path, indices: IndexCache) -> None:
    # A fresh engine on the same weights: its cache of features must not have the frame.
    with open_video(path, ContentHash(path.stem), indices=indices) as video:
        unseen = Sam2Engine(pair.engine.blocks, pair.engine.model)
        unseen.segment(video, boxes(1, frame=FIRST_CLICK), FIRST_CLICK)


def _write_clip(path: Path, frame_count: int) -> Path:
    """Frames of one picture moving by; a key frame every 50."""
    picture = PanningVideo(SHORT_FRAMES)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": "50"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        for index in range(frame_count):
            shown = picture.frame(FrameIndex(index % SHORT_FRAMES))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())
    return path


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
