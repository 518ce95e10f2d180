"""The note on an unfinished track: how many of its frames are computed. The page shows it for the selected region."""

from __future__ import annotations

from backend.domain.masklets import Masklet, MaskRun

ENDING = "frames are tracked so far. Set the label again for more; after Submit, Masklet adds the rest."
"""The end of the note. A note with this ending is Masklet's own."""


def is_whole(masklet: Masklet, run: MaskRun) -> bool:
    """Whether no frame of the masklet is still to be computed."""
    return run.complete or len(masklet.frames) == run.video.frame_count


def progress_meta(masklet: Masklet, run: MaskRun) -> dict[str, object]:
    """The `meta` of an unfinished track's region."""
    return {"text": [f"{len(masklet.frames)} of {run.video.frame_count} {ENDING}"]}


def without_progress(meta: object) -> dict[str, object]:
    """A region's `meta` without the note; empty if nothing else is in it."""
    fields = dict(meta) if isinstance(meta, dict) else {}
    lines = fields.pop("text", None)
    kept = [line for line in lines if not str(line).endswith(ENDING)] if isinstance(lines, list) else lines
    return {**fields, "text": kept} if kept else fields
