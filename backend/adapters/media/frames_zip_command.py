"""`masklet frames`: writes selected frames of a video to a zip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from backend.adapters.media.source_media import open_local_video, thumbs
from backend.adapters.media.sources.frames_zip import frames_with_context, write_frames_zip
from backend.application.ports.media import VideoSource
from backend.application.ports.progress import counted
from backend.domain.diversity import medoids
from backend.domain.errors import NotAllowed
from backend.domain.selection import DIVERSE_SEED, Portion, Selection, SelectionKind
from backend.domain.video import FrameIndex


def write_frames(
    video: Path,
    out: Path,
    *,
    selection: Selection,
    portion: Portion,
    context: bool,
) -> tuple[int, ...]:
    """Write the chosen frames; returns their indices. Raises MediaError, InvalidInput, NotAllowed if `out` exists."""
    if out.exists():
        raise NotAllowed(f"{out} exists already; name another file")
    with open_local_video(video) as source:
        chosen = _chosen(source, selection, portion)
        numbers = frames_with_context(chosen, source.info.frame_count) if context else chosen
        write_frames_zip(out, chosen, _images(source, numbers))
    return chosen


def _chosen(source: VideoSource, selection: Selection, portion: Portion) -> tuple[int, ...]:
    candidates = selection.frames(source.info.frame_count, portion)
    if selection.kind is not SelectionKind.DIVERSE:
        return candidates
    chosen = medoids(thumbs(source, candidates), selection.number, np.random.default_rng(DIVERSE_SEED))
    return tuple(candidates[position] for position in chosen)


def _images(source: VideoSource, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    for number in counted(numbers, "frames"):
        done, encoded = cv2.imencode(".png", source.frame(FrameIndex(number))[..., ::-1])
        assert done, "a decoded frame can always be written as PNG"
        yield number, encoded.tobytes()
