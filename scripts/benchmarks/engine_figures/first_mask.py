"""Time to the first mask: a click on a long video against the same click on a short one, files opened and all."""

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
from scripts.benchmarks.engine_figures.setup import KEPT, VIDEO_SIZE, Figures, Setup

SHORT, LONG, QUICK_LONG = 100, 20_000, 2_000
CLICKED = FrameIndex(60)
KEY_FRAME_EVERY = 50


def measure(setup: Setup) -> Figures:
    """From opening the file to the mask of a click on frame 60: index, seek, decode, encode, decode the mask.

    `_unknown`: nothing is known of the file, so that all of it is read once for its index of frames; the plain
    figure is a file whose index was made before, as from the second click on a task. Fetching and hashing, which
    happen once a file and before a worker opens it, are not in it.
    """
    pair = demo_pair(setup.device)
    long = setup.of(LONG, QUICK_LONG)
    clips = {"short": kept_clip(SHORT), "long": kept_clip(long)}
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
    """Open, click, close; with an engine that has not seen the frame."""
    with open_video(clip, ContentHash(clip.stem), indices=indices) as video:
        pair.another_engine().segment(video, boxes(1, frame=CLICKED), CLICKED)


def kept_clip(frames: int) -> Path:
    """An H.264 file of so many frames, made once and kept."""
    path = KEPT / f"panning-{frames}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.mp4")
        write_clip(draft, frames)
        draft.replace(path)
    return path


def write_clip(path: Path, frames: int) -> None:
    """The panning video as H.264, a key frame every 50."""
    picture = PanningVideo(frames, VIDEO_SIZE)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": str(KEY_FRAME_EVERY)}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = VIDEO_SIZE.width, VIDEO_SIZE.height, "yuv420p"
        for index in range(frames):
            shown = picture.frame(FrameIndex(index))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())
