"""The orientation of a video's pictures: how a player turns and mirrors them before it shows them.

A container holds it as a display matrix, which takes a stored pixel (x, y) to (a x + c y, b x + d y). Browsers apply
its turns by 90 degrees and its mirrorings: eight orientations. `frame.rotation` of PyAV has the turn only.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame

from backend.domain.geometry import FrameSize, RgbFrame

_MATRIX = struct.Struct("=9i")


@dataclass(frozen=True, slots=True)
class Orientation:
    """rotation: degrees clockwise: 0, 90, 180 or 270. mirrored: the picture is mirrored left to right before that."""

    rotation: int = 0
    mirrored: bool = False

    def shown_size(self, width: int, height: int) -> FrameSize:
        """The size of the shown picture, from the stored one's in pixels."""
        return FrameSize(height, width) if self.rotation in (90, 270) else FrameSize(width, height)

    def upright(self, stored: RgbFrame) -> RgbFrame:
        """The picture as it is shown, [H, W, 3] uint8. stored: as it was decoded."""
        picture = stored[:, ::-1] if self.mirrored else stored
        turned: RgbFrame = np.ascontiguousarray(np.rot90(picture, k=-(self.rotation // 90)))
        return turned


def orientation_of(frame: VideoFrame) -> Orientation:
    """The orientation in a decoded frame's display matrix; other angles are rounded to the nearest of the four."""
    try:
        matrix = bytes(cast(SideDataContainer, frame.side_data)[Type.DISPLAYMATRIX])  # PyAV's stub has a dictionary
    except KeyError:
        return Orientation()
    a, b, _, c, d, *_ = _MATRIX.unpack(matrix)
    mirrored = a * d - b * c < 0
    degrees = math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a))
    return Orientation(round(degrees / 90) * 90 % 360, mirrored)
