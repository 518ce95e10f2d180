"""Writes chosen frames as a zip in Lightning Pose's layout, completely or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from backend.adapters.media.sources.lightning_pose import CONTEXT, LIST, image_name
from backend.domain.errors import MediaError


def frames_with_context(chosen: Sequence[int], frame_count: int) -> tuple[int, ...]:
    """The chosen frames and their neighbours within the video, ascending, each once."""
    near = {n + d for n in chosen for d in range(-CONTEXT, CONTEXT + 1)}
    return tuple(sorted(n for n in near if 0 <= n < frame_count))


def write_frames_zip(path: Path, chosen: Sequence[int], images: Iterable[tuple[int, bytes]]) -> None:
    """images: number and PNG file of each frame. Raises MediaError if the zip cannot be written."""
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        # PNGs do not shrink: storing them costs nothing and reads faster.
        with zipfile.ZipFile(part, "x", zipfile.ZIP_STORED) as archive:
            for number, body in images:
                archive.writestr(image_name(number), body)
            archive.writestr(LIST, "".join(f"{image_name(number)}\n" for number in chosen))
        part.replace(path)
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error.strerror}; free some space, or write elsewhere") from error
    finally:
        part.unlink(missing_ok=True)
