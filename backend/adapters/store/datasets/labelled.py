"""Stored masks as the objects of a data set: what `masklet propagate` and the mask store have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from backend.application.ports.media import VideoSource
from backend.codecs.coco_rle import require_counts
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.errors import IntegrityError, PromptError
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.video import VideoInfo

OpenPictures = Callable[[str, VideoInfo], AbstractContextManager[VideoSource] | None]
"""Finds the video of that name and content; None where it is not at hand."""


def no_pictures(name: str, info: VideoInfo) -> None:
    """An OpenPictures for where no video was named."""
    return


def object_on_frame(
    what: DatasetObject, mask: EncodedMask, *, origin: MaskOrigin, uncertainty: float, video: VideoInfo
) -> LabelledMask:
    """A stored mask whose run lengths were checked.

    Raises IntegrityError if it is damaged or is not of the video's size.
    """
    size = video.size
    if (mask.height, mask.width) != (size.height, size.width):
        raise IntegrityError(
            f"a mask of {what.label!r} has {mask.width}x{mask.height} pixels and its video {size.width}x{size.height}"
        )
    try:
        pixels = require_counts(mask)
    except PromptError as error:
        raise IntegrityError(f"a mask of {what.label!r} is damaged: {error}") from error
    return LabelledMask(
        what,
        mask if pixels else None,
        None,
        origin,
        uncertainty,
        approved=origin is MaskOrigin.HUMAN,
    )
