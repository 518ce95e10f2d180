"""Paths of the held-out clips: a slow loop, a straight crossing, leaving the frame and returning."""

from __future__ import annotations

import numpy as np

from backend.evaluation.synthetic.renderer import FloatArray, Track

Rng = np.random.Generator


def build_track(
    rng: Rng,
    x_rel: FloatArray,
    y_rel: FloatArray,
    size_rel: float,
    *,
    turn: float = 0.02,
    bend: float = 0.0,
    tilt: float = 0.5,
) -> Track:
    """A track along given centres (float32 [T], fractions of the frame). It turns slowly and its size oscillates."""
    t = np.arange(len(x_rel), dtype=np.float32)
    scale = 1 + 0.08 * np.sin(t * rng.uniform(0.06, 0.14) + rng.uniform(0, 6.3))
    return Track(
        x_rel=x_rel.astype(np.float32),
        y_rel=y_rel.astype(np.float32),
        size_rel=(size_rel * scale).astype(np.float32),
        angle=(rng.uniform(-tilt, tilt) + rng.uniform(-turn, turn) * t).astype(np.float32),
        bend=np.full(len(t), bend, np.float32),
        phase=(0.25 * t).astype(np.float32),
    )


def cruise(rng: Rng, frames: int, start: tuple[float, float], radius: float) -> tuple[FloatArray, FloatArray]:
    """A slow loop around ``start``, at most ``radius`` (fraction of the frame) away; float32 [T] each."""
    t = np.arange(frames, dtype=np.float32)
    wx, wy = rng.uniform(0.06, 0.12, 2)
    px, py = rng.uniform(0, 2 * np.pi, 2)
    x = start[0] + radius * (np.sin(wx * t + px) - np.sin(px)) / 2
    y = start[1] + radius * (np.sin(wy * t + py) - np.sin(py)) / 2
    return x.astype(np.float32), y.astype(np.float32)


def crossing(frames: int, start: tuple[float, float], end: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """A straight path from ``start`` to ``end`` at constant speed; float32 [T] each."""
    s = np.linspace(0, 1, frames, dtype=np.float32)
    x = start[0] + (end[0] - start[0]) * s
    y = start[1] + (end[1] - start[1]) * s
    return x.astype(np.float32), y.astype(np.float32)


def excursion(frames: int, start: tuple[float, float], leave: int, back: int) -> tuple[FloatArray, FloatArray]:
    """A path near ``start`` that leaves the frame at the nearer side; outside from frame ``leave`` to ``back``.

    Leaving and returning take six frames each; float32 [T] each.
    """
    t = np.arange(frames, dtype=np.float32)
    outside = -0.35 if start[0] < 0.5 else 1.35
    out = np.clip((t - (leave - 6)) / 6, 0, 1) * np.clip((back + 6 - t) / 6, 0, 1)
    x = start[0] + (outside - start[0]) * out
    y = start[1] + 0.04 * np.sin(0.15 * t)
    return x.astype(np.float32), y.astype(np.float32)
