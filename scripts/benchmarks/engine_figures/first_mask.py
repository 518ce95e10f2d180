"""Time to the first mask: a click on a long video compared with the same click on a short one, with file opening."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

import av

from backend.adapters.media.decode import open_video
from backend.adapters.media.index import IndexCache
from backend.domain.video import ContentHash, FrameIndex
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.benchmarks.engine_figures.models import Pair, demo_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import CLIP_CACHE_DIR, VIDEO_SIZE, Figures, Setup

SHORT, LONG, QUICK_LONG = 100, 20_000, 2_000
CLICKED = FrameIndex(60)
KEY_FRAME_EVERY = 50


def measure(setup: Setup) -> Figures:
    """From opening the file to the mask of a click on frame 60: index, seek, decode, encode, decode the mask.

    `_unknown`: the file has no frame index yet, so that all of it is read once. The plain figure is of a file with an
    index, as from the second click on a task. Fetching and hashing (once per file, before a worker opens it) are not
    included.
    """
    pair = demo_pair(setup.device)
    long = setup.of(LONG, QUICK_LONG)
    clips = {"short": cached_clip(SHORT), "long": cached_clip(long)}
    times: dict[tuple[str, bool], list[float]] = {(name, known): [] for name in clips for known in (False, True)}
    for _ in range(setup.of(5, 1)):
        with tempfile.TemporaryDirectory() as folder:
            indices = IndexCache(Path(folder))
            for known in (False, True):
                for name, clip in clips.items():
                    times[name, known].append(seconds(partial(first_answer, pair, clip, indices)))
    best = {key: min(values) for key, values in times.items()}
    yield "speed.first_mask_long_over_short", best["long", True] / best["short", True]
    yield "speed.first_mask_long_over_short_unknown", best["long", False] / best["short", False]
    yield "speed.first_mask_short_s", best["short", True]
    yield "speed.first_mask_long_s", best["long", True]
    yield "speed.first_mask_long_unknown_s", best["long", False]


def first_answer(pair: Pair, clip: Path, indices: IndexCache) -> None:
    """Opens the clip, clicks and closes it, with an engine without cached features."""
    with open_video(clip, ContentHash(clip.stem), indices=indices) as video:
        pair.another_engine().segment(video, boxes(1, frame=CLICKED), CLICKED)


def cached_clip(frames: int) -> Path:
    """An H.264 file of `frames` frames, made once and cached."""
    path = CLIP_CACHE_DIR / f"panning-{frames}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.mp4")
        write_clip(draft, frames)
        draft.replace(path)
    return path


def write_clip(path: Path, frames: int) -> None:
    """Writes the panning video as H.264 with a key frame every 50 frames."""
    picture = PanningVideo(frames, VIDEO_SIZE)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": str(KEY_FRAME_EVERY)}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = VIDEO_SIZE.width, VIDEO_SIZE.height, "yuv420p"
        for index in range(frames):
            shown = picture.frame(FrameIndex(index))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())
