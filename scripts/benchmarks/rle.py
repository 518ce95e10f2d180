"""Compares our brush RLE encoder with the Label Studio SDK's on the same masks in one run.

    ./scripts/bench rle [--json FILE]

Both encode a disc and a ragged blob of each size. The bytes are compared; each time is the shortest of 30. Exits with 1
if the bytes differ.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from label_studio_sdk.converter.brush import mask2rle

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle, encode_rle
from backend.domain.geometry import BoolMask, FrameSize

SIZES = (FrameSize(960, 540), FrameSize(1920, 1080))
REPEATS = 30


class Timing(TypedDict):
    width: int
    height: int
    mask: str
    bytes: int
    ours_ms: float
    sdk_ms: float
    ratio: float
    decode_ms: float
    identical: bool


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Brush RLE: our encoder against the Label Studio SDK's.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    timings = [measure(size, name, mask) for size in SIZES for name, mask in shapes(size).items()]
    for timing in timings:
        print(line_of(timing))
    if options.json:
        figures = {"machine": platform.machine(), "python": platform.python_version(), "timings": timings}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0 if all(timing["identical"] for timing in timings) else 1


def line_of(timing: Timing) -> str:
    same = "same bytes" if timing["identical"] else "DIFFERENT BYTES"
    return (
        f"{timing['width']}x{timing['height']} {timing['mask']:<6} ours {timing['ours_ms']:7.3f} ms   "
        f"SDK {timing['sdk_ms']:7.3f} ms   {timing['ratio']:5.1f}x   decode {timing['decode_ms']:7.3f} ms   "
        f"{timing['bytes']} bytes, {same}"
    )


def shapes(size: FrameSize) -> dict[str, BoolMask]:
    """A smooth and a ragged mask, bool [H, W], each about a tenth of the frame."""
    rows, columns = np.mgrid[: size.height, : size.width]
    y, x = rows - size.height / 2, columns - size.width / 2
    radius = size.height / 4
    angle = np.arctan2(y, x)
    ragged = radius * (1 + 0.15 * np.sin(23 * angle) + 0.08 * np.sin(141 * angle))
    return {"disc": np.hypot(x, y) < radius, "ragged": np.hypot(x, y) < ragged}


def measure(size: FrameSize, name: str, mask: BoolMask) -> Timing:
    ours = encode_rle(mask)
    ours_ms = shortest_ms(lambda: encode_rle(mask))
    sdk_ms = shortest_ms(lambda: mask2rle(mask.astype(np.uint8) * np.uint8(255)))
    return {
        "width": size.width,
        "height": size.height,
        "mask": name,
        "bytes": len(ours),
        "ours_ms": round(ours_ms, 4),
        "sdk_ms": round(sdk_ms, 4),
        "ratio": round(sdk_ms / ours_ms, 2),
        "decode_ms": round(shortest_ms(lambda: decode_rle(ours, size)), 4),
        "identical": ours == mask2rle(mask.astype(np.uint8) * np.uint8(255)),
    }


def shortest_ms(work: Callable[[], object]) -> float:
    """The shortest of REPEATS runs, in milliseconds: the least disturbed by other processes."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


if __name__ == "__main__":
    sys.exit(main())
