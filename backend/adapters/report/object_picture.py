"""A picture of one object: a frame with the outline of its mask, as SVG. Decodes no image."""

from __future__ import annotations

from base64 import b64encode
from html import escape

import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask, Box, FrameSize

CAPTION_SHARE = 0.08
"""The height of the caption below the frame, as a share of the frame's height."""

LEAST_CAPTION_PX = 24


def object_picture(jpeg: bytes, size: FrameSize, *, mask: BoolMask | None, box: Box | None, caption: str) -> bytes:
    """An SVG document of the frame's size with the caption below it.

    jpeg: the frame. mask: [H, W] bool of the frame's size, outlined; without one, or if it is empty, the box is.
    """
    strip = max(round(size.height * CAPTION_SHARE), LEAST_CAPTION_PX)
    outline = _edges(mask) if mask is not None and mask.any() else _rectangle(box, size)
    width = max(size.width / 200, 1.0)
    shape = f'<path d="{outline}" fill="none" stroke-linecap="square" stroke='
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size.width}" height="{size.height + strip}" '
        f'viewBox="0 0 {size.width} {size.height + strip}">'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<image width="{size.width}" height="{size.height}" preserveAspectRatio="none" '
        f'href="data:image/jpeg;base64,{b64encode(jpeg).decode("ascii")}"/>'
        f'{shape}"#000" stroke-width="{2 * width:g}"/>{shape}"#ffd43b" stroke-width="{width:g}"/>'
        f'<text x="{strip / 4:g}" y="{size.height + 0.72 * strip:g}" font-family="sans-serif" '
        f'font-size="{0.65 * strip:g}" fill="#212529">{escape(caption)}</text></svg>'
    ).encode()


def _edges(mask: BoolMask) -> str:
    """The borders between pixels of the mask and others, as path data in pixels."""
    framed = np.pad(mask, 1)
    lying = framed[1:, 1:-1] != framed[:-1, 1:-1]
    standing = (framed[1:-1, 1:] != framed[1:-1, :-1]).T
    across = (f"M{start} {row}h{length}" for row, start, length in _runs(lying))
    down = (f"M{column} {start}v{length}" for column, start, length in _runs(standing))
    return "".join((*across, *down))


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """The runs of True in each row, as row, start and length. edges: [N, M] bool."""
    change = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    return list(zip(rows.tolist(), starts.tolist(), (ends - starts).tolist(), strict=True))


def _rectangle(box: Box | None, size: FrameSize) -> str:
    if box is None:
        return ""
    x0, y0, x1, y1 = box.to_px(size)
    return f"M{x0:.1f} {y0:.1f}H{x1:.1f}V{y1:.1f}H{x0:.1f}Z"
