"""The camera's part of a clip: defocus, exposure, white balance, contrast, noise, and compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.photographic.poses import smooth_walk

Rng = np.random.Generator
Floats = NDArray[np.float32]
Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Exposure:
    """gain: [T, 3], brightness with white balance; gamma; blur: Gaussian sigma in pixels; noise: grey levels.

    quality: the constant rate factor of H.264 (JPEG for a single frame), or None without compression.
    """

    gain: NDArray[np.float64]
    gamma: float
    blur: float
    noise: float
    quality: int | None
    seed: int


def draw_exposure(rng: Rng, frames: int, side: int) -> Exposure:
    """Random exposure of a clip."""
    drift = np.exp(smooth_walk(rng, frames, 0.015) + 0.12 * rng.normal())
    if frames > 2 and rng.random() < 0.08:
        drift[int(rng.integers(1, frames)) :] *= rng.choice([0.5, 0.7, 1.35, 1.7])
    balance = np.exp(rng.normal(0, 0.09, 3)) if rng.random() < 0.6 else np.ones(3)
    return Exposure(
        gain=np.clip(drift, 0.35, 1.8)[:, None] * balance,
        gamma=float(np.exp(rng.normal(0, 0.16))),
        blur=float(rng.gamma(1.2, 0.0022) * side) if rng.random() < 0.5 else 0.0,
        noise=float(rng.gamma(1.3, 3.0)) if rng.random() < 0.4 else 0.0,
        quality=int(rng.integers(20, 39)) if rng.random() < 0.45 else None,
        seed=int(rng.integers(1 << 31)),
    )


def expose(frames: Sequence[Floats], exposure: Exposure) -> Frames:
    """Frames uint8 [T, H, W, 3] from linear canvases float32 0..255."""
    rng = np.random.default_rng(exposure.seed)
    exposed = np.stack([_developed(canvas, exposure, t, rng) for t, canvas in enumerate(frames)])
    if exposure.quality is None:
        return exposed
    if len(exposed) == 1:
        return as_jpeg(exposed[0], 100 - 2 * exposure.quality)[None]
    return as_h264(exposed, exposure.quality)


def _developed(canvas: Floats, exposure: Exposure, t: int, rng: Rng) -> Frames:
    if exposure.blur > 0.3:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), exposure.blur), np.float32)
    bright = np.clip(canvas * exposure.gain[t].astype(np.float32), 0, 255)
    table = (255 * (np.arange(256) / 255) ** exposure.gamma).astype(np.float32)
    if exposure.noise > 0:
        grain = rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(exposure.noise)
        bright = np.clip(bright + grain, 0, 255)
    return np.asarray(cv2.LUT(bright.astype(np.uint8), np.clip(np.rint(table), 0, 255).astype(np.uint8)), np.uint8)


def as_jpeg(frame: Frames, quality: int) -> Frames:
    """The frame after JPEG compression."""
    _, content = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


def as_h264(frames: Frames, quality: int) -> Frames:
    """The frames [T, H, W, 3] after H.264 compression at a constant rate factor; H and W are even."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": str(quality), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as compressed:
        compressed.streams.video[0].thread_count = 1
        decoded = [frame.to_ndarray(format="rgb24") for frame in compressed.decode(video=0)]
    return np.stack(decoded).astype(np.uint8, copy=False)
