"""Stored masks as the objects of a data set, for folders of `masklet propagate` and runs of the mask store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from backend.application.ports.media import VideoSource
from backend.codecs.coco_rle import require_counts
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.errors import IntegrityError, PromptError
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.video import VideoInfo

OpenPictures = Callable[[Path, VideoInfo], AbstractContextManager[VideoSource] | None]
"""Opens the video of this content. The path is the one at which it was labelled, or its name alone; empty if it is not
known. None if nothing is known of where it is. Raises PicturesGone if it is not where it was.
"""


def no_pictures(path: Path, info: VideoInfo) -> None:
    """An OpenPictures without any video."""
    return


def object_on_frame(
    item: DatasetObject,
    mask: EncodedMask,
    *,
    origin: MaskOrigin,
    uncertainty: float,
    video: VideoInfo,
    undecodable: bool = False,
) -> LabelledMask:
    """A stored mask with checked run lengths. Raises IntegrityError if it is damaged or not of the video's size."""
    size = video.size
    if (mask.height, mask.width) != (size.height, size.width):
        raise IntegrityError(
            f"a mask of {item.label!r} has {mask.width}x{mask.height} pixels and its video {size.width}x{size.height}"
        )
    try:
        pixels = require_counts(mask)
    except PromptError as error:
        raise IntegrityError(f"a mask of {item.label!r} is damaged: {error}") from error
    return LabelledMask(
        item,
        mask if pixels else None,
        None,
        origin,
        uncertainty,
        approved=origin is MaskOrigin.HUMAN,
        undecodable=undecodable,
    )
