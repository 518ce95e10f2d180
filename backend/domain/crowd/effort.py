"""Effort of people on masklets, as SAM 2's data engine reports it: clicks, edited frames, seconds a frame.

Owns the rule by which beats of activity become active time, and the sums. Source of the figures and of the sizes: SAM 2
(arXiv 2408.00714), section 5 and appendix D.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

BEAT_S = 10.0
"""The page sends one beat in this time at most, and only after input while its tab is visible."""

IDLE_S = 30.0
"""The longest gap between two beats of a person that counts as work. Two lost beats are bridged."""

SMALL_PX = 32**2
MEDIUM_PX = 96**2
"""Areas in pixels of the video, as in SAM 2 and COCO."""


class ObjectSize(StrEnum):
    """SMALL: below 32² pixels. MEDIUM: below 96². LARGE: others. UNKNOWN: no masks were read."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    UNKNOWN = "unknown"


def size_of(area_px: float | None) -> ObjectSize:
    """The size of an object. area_px: the mean area of its masks, pixels; None or 0: not known."""
    if not area_px:
        return ObjectSize.UNKNOWN
    if area_px < SMALL_PX:
        return ObjectSize.SMALL
    return ObjectSize.MEDIUM if area_px < MEDIUM_PX else ObjectSize.LARGE


def active_s(before_s: float | None, now_s: float) -> float:
    """The active time between two beats of one person, seconds; 0 after a gap longer than IDLE_S.

    before_s: the person's newest beat of any tab and task; None: there is none. All beats of a person are one sequence,
    so two tabs and reloads never count a second twice. A beat that is not later counts nothing.
    """
    if before_s is None or not 0.0 < now_s - before_s <= IDLE_S:
        return 0.0
    return now_s - before_s


@dataclass(frozen=True, slots=True)
class Effort:
    """Sums over objects. A frame is one object on one frame (a frame of a masklet).

    clicks: points and boxes. clicked_frames: frames with clicks. mask_frames: frames with a mask that a person drew or
    approved. frames: frames with masks, of the model or of the person. seconds: active time.
    """

    objects: int = 0
    clicks: int = 0
    clicked_frames: int = 0
    mask_frames: int = 0
    frames: int = 0
    seconds: float = 0.0

    @property
    def edited_frames(self) -> int:
        """The frames that a person clicked, drew or approved. The ledger keeps no difference between the last two."""
        return self.clicked_frames + self.mask_frames

    @property
    def clicks_per_clicked_frame(self) -> float | None:
        """None without clicks."""
        return self.clicks / self.clicked_frames if self.clicked_frames else None

    @property
    def seconds_per_frame(self) -> float | None:
        """None without frames or without a recorded time."""
        return self.seconds / self.frames if self.frames and self.seconds else None

    @property
    def edited_share(self) -> float | None:
        """The share of the frames that were edited, 0..1; None without frames."""
        return min(self.edited_frames / self.frames, 1.0) if self.frames else None

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            self.objects + other.objects,
            self.clicks + other.clicks,
            self.clicked_frames + other.clicked_frames,
            self.mask_frames + other.mask_frames,
            self.frames + other.frames,
            self.seconds + other.seconds,
        )

    @classmethod
    def sum(cls, efforts: Iterable[Self]) -> Effort:
        total = Effort()
        for each in efforts:
            total += each
        return total
