"""Checks of prompts against their media before they are recorded: nothing that a worker would refuse is kept.

A prompt is usable if its frame is in the video and some prompt of its object locates the object. A video's frame count
may be unknown until a worker opens it; such a worker withdraws the prompts past the end from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable

from backend.application.ports.requests.prewarm import PrewarmChannel
from backend.domain.errors import PromptError
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef

NO_PROMPTS = PromptSet(())

FrameCounter = Callable[[MediaRef], int | None]
"""The frame count of media that a worker opened lately; None if it is not known."""


def frame_counter(channel: PrewarmChannel) -> FrameCounter:
    """A FrameCounter that reads the last reported media status."""

    def count(media: MediaRef) -> int | None:
        status = channel.status(media)
        return None if status is None or status.info is None else status.info.frame_count

    return count


def require_usable(prompts: PromptSet, frame_count: int | None, *, known: PromptSet = NO_PROMPTS) -> None:
    """Raises PromptError that names the frame past the end, or the object with negative clicks only.

    known: earlier prompts, which may locate the objects. frame_count None: the frames are not checked.
    """
    for prompt in prompts:
        if frame_count is not None and prompt.frame_index >= frame_count:
            raise PromptError(
                f"frame {prompt.frame_index} is not in the video: it has {frame_count} frames (0 to {frame_count - 1})"
            )
    located = usable(PromptSet.of([*known, *prompts], prompts.labels), frame_count).object_ids
    for object_id in prompts.object_ids:
        if object_id not in located:
            raise PromptError(f"object {object_id!r} has negative clicks only: add a positive click, a box or a mask")


def usable(prompts: PromptSet, frame_count: int | None) -> PromptSet:
    """The prompts that `require_usable` accepts. frame_count None: the frames are not checked."""
    within = PromptSet.of(
        (prompt for prompt in prompts if frame_count is None or prompt.frame_index < frame_count), prompts.labels
    )
    return within.without(within.unlocated_ids)
