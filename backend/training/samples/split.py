"""The split of a project's videos into those that are learnt from and those that are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from backend.domain.errors import InvalidInput
from backend.training.samples.videos import KeptVideo

HELD_OUT_SHARE = 0.3
FEWEST_HELD_OUT, FEWEST_LEARNT = 2, 2


def split_videos(videos: Sequence[KeptVideo], seed: int) -> tuple[list[KeptVideo], list[KeptVideo]]:
    """Videos to learn from, and held-out videos: three of ten, at least two. All labels of a video are on one side.

    The order of the groups is that of the SHA-256 of the seed and the group: another video changes no other's place in
    it. Raises InvalidInput that says what is there and what is needed.
    """
    groups = sorted({video.group for video in videos}, key=lambda group: _place(group, seed))
    require_enough(len(groups), sum(len(video.labels) for video in videos))
    count = max(FEWEST_HELD_OUT, round(HELD_OUT_SHARE * len(groups)))
    held_out = set(groups[:count])
    return (
        [video for video in videos if video.group not in held_out],
        [video for video in videos if video.group in held_out],
    )


def require_enough(videos: int, frames: int) -> None:
    """Raises InvalidInput if there are too few videos to learn from and to measure on."""
    needed = FEWEST_HELD_OUT + FEWEST_LEARNT
    if videos < needed:
        raise InvalidInput(
            f"{videos} videos have frames with approved masks of every object ({frames} frames); a training needs "
            f"{needed}: {FEWEST_LEARNT} to learn from and {FEWEST_HELD_OUT} others that tell whether it is better. "
            f"Approve frames of {needed - videos} more"
        )


def _place(group: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
