"""Wiring of `masklet next` for a video without masks: frames that differ from each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.adapters.media.source_media import open_local_video
from backend.adapters.report.thumbnails import small_picture
from backend.application.ports.progress import counted
from backend.domain.diversity import ColdStart, diverse
from backend.domain.video import FrameIndex, FrameRange

COLD_START_FRAMES = 10_000


def cold_start(path: Path, count: int, method: ColdStart, *, seed: int) -> tuple[int, ...]:
    """Frames of a video to begin with, none being masked yet, ascending. path: see open_local_video. Raises MediaError.

    Of a longer video, COLD_START_FRAMES evenly spread frames are candidates.
    """
    width, grey = (30, True) if method is ColdStart.DEEPLABCUT else (64, False)
    pictures: list[NDArray[np.uint8]] = []
    seen: list[int] = []
    with open_local_video(path) as video:
        step = -(-video.info.frame_count // COLD_START_FRAMES)
        size = video.info.size
        height = max(round(width * size.height / size.width), 1) if grey else width
        frames = video.frames(FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count)))
        for index, frame in counted(frames, "frames", video.info.frame_count):
            if index % step == 0:
                pictures.append(small_picture(frame, (width, height), grey=grey))
                seen.append(int(index))
    rows = np.stack(pictures).reshape(len(pictures), -1) / 255.0
    return tuple(seen[position] for position in diverse(method, rows, count, np.random.default_rng(seed)))
