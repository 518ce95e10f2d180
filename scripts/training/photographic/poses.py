"""The motion of objects and of the camera: positions, sizes and tilts for each frame.

World coordinates: y in 0..1 of the frame's height, x in 0..aspect; lengths in frame heights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Floats = NDArray[np.float64]
Matrix = NDArray[np.float64]
FOCAL = 2.2
OUTSIDE = 3.0


@dataclass(frozen=True)
class Poses:
    """An object's place for each frame, all float64 [T].

    size: the longer side; angle, tilt_x, tilt_y: rotations in radians; bend, phase: strength and state of deformation.
    """

    x: Floats
    y: Floats
    size: Floats
    angle: Floats
    tilt_x: Floats
    tilt_y: Floats
    bend: Floats
    phase: Floats

    def matrix(self, t: int, shape: tuple[int, int]) -> Matrix:
        """The homography [3, 3] from sprite pixels (x, y) to world coordinates on frame t. shape: the sprite's."""
        unit = 1 / max(shape)
        to_unit = np.array([[unit, 0, -unit * shape[1] / 2], [0, unit, -unit * shape[0] / 2], [0, 0, 1]])
        turn = _rotation(self.angle[t], 2) @ _rotation(self.tilt_x[t], 0) @ _rotation(self.tilt_y[t], 1)
        plane = np.eye(3)
        plane[:, :2] = turn[:, :2] / np.array([[1], [1], [FOCAL]])
        size = self.size[t]
        place = np.array([[size, 0, self.x[t]], [0, size, self.y[t]], [0, 0, 1]])
        return np.asarray(place @ plane @ to_unit, np.float64)


def _rotation(angle: float, axis: int) -> Matrix:
    cos, sin = np.cos(angle), np.sin(angle)
    one, other = [index for index in range(3) if index != axis]
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = cos
    matrix[one, other], matrix[other, one] = -sin, sin
    return matrix


def smooth_walk(rng: Rng, frames: int, step: float) -> Floats:
    """A walk [T] from 0 whose steps change slowly; ``step`` is their usual size."""
    speed = rng.normal(0, step) + np.cumsum(rng.normal(0, 0.35 * step, frames))
    return np.asarray(np.concatenate([[0.0], np.cumsum(speed)[:-1]]), np.float64)


def reflected(values: Floats, low: float, high: float) -> Floats:
    """Values folded back into low..high at both ends."""
    width = high - low
    return np.asarray(low + width - np.abs((values - low) % (2 * width) - width), np.float64)


def moving_poses(rng: Rng, frames: int, aspect: float, size: float, pace: float) -> Poses:
    """A wandering object: drift, growth, rotation, tilt and deformation. pace: 0 (still) to about 2."""
    fast = pace * rng.gamma(1.2, 0.018)
    x = reflected(rng.uniform(0.08, 0.92) * aspect + smooth_walk(rng, frames, fast), 0.02 * aspect, 0.98 * aspect)
    y = reflected(rng.uniform(0.1, 0.9) + smooth_walk(rng, frames, 0.6 * fast), 0.02, 0.98)
    upright = rng.random() < 0.6
    angle = (rng.normal(0, 0.12) if upright else rng.uniform(-np.pi, np.pi)) + smooth_walk(rng, frames, 0.03 * pace)
    tilt = 0.45 if rng.random() < 0.6 else 0.1
    bends = rng.random() < 0.45
    return Poses(
        x=x,
        y=y,
        size=np.clip(size * np.exp(smooth_walk(rng, frames, 0.02 * pace)), 0.05, 1.3),
        angle=angle,
        tilt_x=np.clip(rng.normal(0, tilt / 2) + smooth_walk(rng, frames, 0.05 * pace * tilt), -0.9, 0.9),
        tilt_y=np.clip(rng.normal(0, tilt) + smooth_walk(rng, frames, 0.12 * pace * tilt), -1.0, 1.0),
        bend=np.full(frames, rng.uniform(0.005, 0.035) if bends else 0.0),
        phase=rng.uniform(0, 6.3) + rng.uniform(0.1, 0.7) * np.arange(frames, dtype=np.float64),
    )


def with_absence(rng: Rng, poses: Poses, aspect: float) -> Poses:
    """The poses with the object outside the frame for a range of frames after the first; half come back elsewhere."""
    frames = len(poses.x)
    start = int(rng.integers(1, max(2, frames - 2)))
    stop = min(frames, start + int(rng.integers(1, max(2, frames - start))))
    x, y = poses.x.copy(), poses.y.copy()
    x[start:stop] += OUTSIDE * aspect * (1 if x[start] > aspect / 2 else -1)
    if stop < frames and rng.random() < 0.5:
        x[stop:] += rng.uniform(0.15, 0.85) * aspect - x[stop]
        y[stop:] += rng.uniform(0.15, 0.85) - y[stop]
    return replace(poses, x=x, y=y)


def crossing(rng: Rng, hidden: Poses, size: float, aspect: float) -> Poses:
    """The poses of an occluder that is in front of ``hidden`` on one frame after the first."""
    frames = len(hidden.x)
    base = moving_poses(rng, frames, aspect, size, 1.0)
    meet = int(rng.integers(min(1, frames - 1), frames))
    speed = rng.normal(0, 0.09, 2)
    from_meeting = np.arange(frames) - meet
    jitter = rng.normal(0, 0.15 * size, 2)
    x = hidden.x[meet] + jitter[0] + speed[0] * from_meeting
    y = hidden.y[meet] + jitter[1] + 0.5 * speed[1] * from_meeting
    return replace(base, x=x, y=y)


def camera_matrices(rng: Rng, frames: int, aspect: float, side: int, pace: float) -> Matrix:
    """Homographies [T, 3, 3] from world coordinates to pixels of the square frame: pan, zoom, roll and shake.

    The frame is squashed to a square, as the model's input is.
    """
    pans = rng.random() < 0.6
    x = smooth_walk(rng, frames, 0.012 * pace) * pans
    y = smooth_walk(rng, frames, 0.006 * pace) * pans
    shake = pace * rng.gamma(1.0, 0.004) * (rng.random() < 0.5)
    x, y = x + rng.normal(0, shake + 1e-9, frames), y + rng.normal(0, shake + 1e-9, frames)
    zoom = np.exp(smooth_walk(rng, frames, 0.012 * pace) * (rng.random() < 0.4))
    roll = smooth_walk(rng, frames, 0.008 * pace) * (rng.random() < 0.3)
    matrices = np.empty((frames, 3, 3))
    for t in range(frames):
        centred = np.array([[1, 0, -aspect / 2 - x[t]], [0, 1, -0.5 - y[t]], [0, 0, 1]])
        turned = _rotation(float(roll[t]), 2) * np.array([[zoom[t], zoom[t], 1], [zoom[t], zoom[t], 1], [1, 1, 1]])
        to_pixels = np.array([[side / aspect, 0, side / 2], [0, side, side / 2], [0, 0, 1]])
        matrices[t] = to_pixels @ turned @ centred
    return matrices
