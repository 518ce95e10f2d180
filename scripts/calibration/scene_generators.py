"""The scenes of generated clips: their parameters, and the generators that each make one kind of tracking failure.

Eight generators are for calibration and five for the test. Does not render: see `clips.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backend.evaluation.synthetic import motion
from backend.evaluation.synthetic.renderer import FloatArray
from scripts.calibration.clip_appearance import Rng, Split

TARGETS = 2


@dataclass
class SceneParameters:
    """Scene parameters that a generator changes before rendering. paths: float32 [T], fractions of the frame."""

    rng: Rng
    frames: int
    paths: list[tuple[FloatArray, FloatArray]]
    sizes: list[FloatArray]
    angles: list[FloatArray]
    bend: float
    likeness: float
    camera: FloatArray
    gain: FloatArray
    noise: float
    blur: float
    contrast: float
    distractors: int
    """Number of copies of the first target that are not targets."""

    occluders: list[tuple[FloatArray, float]]
    """Vertical bars in front of all objects: centre per frame and width, in fractions of the frame's width."""


def usual_parameters(rng: Rng, frames: int) -> SceneParameters:
    t = np.arange(frames, dtype=np.float32)
    homes = [(rng.uniform(0.22, 0.36), rng.uniform(0.3, 0.7)), (rng.uniform(0.64, 0.78), rng.uniform(0.3, 0.7))]
    sizes = [np.full(frames, rng.uniform(0.22, 0.5), np.float32) for _ in homes]
    return SceneParameters(
        rng=rng,
        frames=frames,
        paths=[motion.cruise(rng, frames, home, 0.24) for home in homes],
        sizes=sizes,
        angles=[(rng.uniform(-0.4, 0.4) + rng.uniform(-0.02, 0.02) * t).astype(np.float32) for _ in homes],
        bend=float(rng.uniform(0, 0.02)),
        likeness=float(rng.uniform(0, 0.7)),
        camera=(np.sin(0.09 * t)[:, None] * rng.uniform(-0.04, 0.04, 2)).astype(np.float32),
        gain=(1 + 0.05 * np.sin(0.12 * t)).astype(np.float32),
        noise=float(rng.uniform(0, 5)),
        blur=float(rng.uniform(0, 0.7)),
        contrast=float(rng.uniform(0.5, 1.0)),
        distractors=int(rng.choice([0, 0, 0, 1])),
        occluders=[],
    )


def _ramp(frames: int, start: float, end: float) -> FloatArray:
    return np.linspace(start, end, frames, dtype=np.float32)


def _parade(parameters: SceneParameters) -> None:
    """Two similar objects pass each other."""
    rng, n = parameters.rng, parameters.frames
    height = rng.uniform(0.35, 0.6)
    parameters.paths[0] = motion.crossing(n, (0.18, height), (0.82, height + rng.uniform(-0.1, 0.1)))
    parameters.paths[1] = motion.crossing(n, (0.82, height + rng.uniform(-0.12, 0.12)), (0.18, height))
    parameters.likeness = float(rng.uniform(0.6, 1.0))


def _curtain(parameters: SceneParameters) -> None:
    """A wide bar moves across the frame and hides all objects behind it."""
    rng, n = parameters.rng, parameters.frames
    start, end = (-0.3, 1.3) if rng.random() < 0.5 else (1.3, -0.3)
    parameters.occluders.append((_ramp(n, start, end), float(rng.uniform(0.25, 0.5))))


def _elevator(parameters: SceneParameters) -> None:
    """The first object leaves at the top or the bottom and returns there, beside a similar distractor."""
    rng, n = parameters.rng, parameters.frames
    parameters.distractors = 1
    leave, back = sorted(rng.integers(3, n - 2, 2))
    t = np.arange(n, dtype=np.float32)
    out = np.clip((t - leave + 4) / 4, 0, 1) * np.clip((back + 4 - t) / 4, 0, 1)
    x, y = parameters.paths[0]
    parameters.paths[0] = x, (y + out * (rng.choice([-1.0, 1.0]) * 1.1)).astype(np.float32)


def _zoom(parameters: SceneParameters) -> None:
    """The objects grow or shrink."""
    rng, n = parameters.rng, parameters.frames
    for index in range(TARGETS):
        near, far = rng.uniform(0.55, 1.2), rng.uniform(0.08, 0.22)
        start, end = (near, far) if rng.random() < 0.5 else (far, near)
        parameters.sizes[index] = _ramp(n, start, end)


def _camouflage(parameters: SceneParameters) -> None:
    """The objects have low contrast with the background, and the camera shakes."""
    rng, n = parameters.rng, parameters.frames
    parameters.contrast = float(rng.uniform(0.06, 0.4))
    parameters.camera = rng.normal(0, rng.uniform(0.0, 0.08), (n, 2)).astype(np.float32)
    parameters.noise = float(rng.uniform(3, 22))


def _gusts(parameters: SceneParameters) -> None:
    """The objects drift slowly and jump at random frames."""
    rng, n = parameters.rng, parameters.frames
    for index in range(TARGETS):
        gust = rng.normal(0, 1, (n, 2)) * (rng.random((n, 1)) < 0.2) * rng.uniform(0.05, 0.2)
        x, y = (parameters.paths[index][axis] + np.cumsum(gust[:, axis]) for axis in (0, 1))
        parameters.paths[index] = x.astype(np.float32), y.astype(np.float32)


def _flashes(parameters: SceneParameters) -> None:
    """The brightness jumps up or down for one to five frames."""
    rng, n = parameters.rng, parameters.frames
    for start in rng.integers(2, n, int(rng.integers(1, 5))):
        parameters.gain[start : start + int(rng.integers(1, 6))] *= np.float32(rng.choice([0.15, 0.3, 1.8, 2.8]))


def _veil(parameters: SceneParameters) -> None:
    """The whole picture is blurred, and the camera swings."""
    rng, n = parameters.rng, parameters.frames
    parameters.blur = float(rng.uniform(1.0, 3.5))
    sway = np.sin(np.arange(n) * rng.uniform(0.1, 0.5))[:, None] * rng.uniform(-0.2, 0.2, 2)
    parameters.camera = (parameters.camera + sway).astype(np.float32)


def _roundabout(parameters: SceneParameters) -> None:
    """Two similar objects circle around each other and overlap."""
    rng, n = parameters.rng, parameters.frames
    turns, start = rng.uniform(0.5, 1.3) * rng.choice([-1, 1]), rng.uniform(0, 6.3)
    theta = start + turns * 2 * np.pi * np.arange(n) / n
    radius_x, radius_y = rng.uniform(0.16, 0.28), rng.uniform(0.02, 0.16)
    for index, half in enumerate((0.0, np.pi)):
        x = 0.5 + radius_x * np.cos(theta + half)
        y = 0.5 + radius_y * np.sin(theta + half)
        parameters.paths[index] = x.astype(np.float32), y.astype(np.float32)
    parameters.likeness = float(rng.uniform(0.55, 1.0))


def _colonnade(parameters: SceneParameters) -> None:
    """The first object passes behind two fixed bars, which may be wider than the object."""
    rng, n = parameters.rng, parameters.frames
    height = rng.uniform(0.35, 0.65)
    parameters.paths[0] = motion.crossing(n, (0.1, height), (0.92, height))
    for centre in (0.36, 0.68):
        still = np.full(n, centre + rng.uniform(-0.05, 0.05), np.float32)
        parameters.occluders.append((still, float(rng.uniform(0.06, 0.3))))


def _detour(parameters: SceneParameters) -> None:
    """The first object leaves on one side and returns on the other, larger or smaller."""
    rng, n = parameters.rng, parameters.frames
    gone, back = int(n * rng.uniform(0.25, 0.45)), int(n * rng.uniform(0.55, 0.75))
    side = rng.choice([-1.0, 1.0])
    t = np.arange(n, dtype=np.float32)
    x0, y0 = 0.5 - side * 0.15, rng.uniform(0.35, 0.65)
    out = x0 + side * (1.4 - x0 * side) * np.clip((t - gone + 6) / 6, 0, 1)
    home = 0.5 - side * (0.2 + 1.2 * np.clip((back + 6 - t) / 6, 0, 1))
    parameters.paths[0] = np.where(t < (gone + back) / 2, out, home).astype(np.float32), np.full(n, y0, np.float32)
    parameters.sizes[0] = np.where(t < gone, parameters.sizes[0], parameters.sizes[0] * rng.uniform(0.6, 1.4)).astype(
        np.float32
    )


def _tumble(parameters: SceneParameters) -> None:
    """The objects rotate, pulsate and bend fast."""
    rng, n = parameters.rng, parameters.frames
    t = np.arange(n, dtype=np.float32)
    for index in range(TARGETS):
        parameters.angles[index] = (parameters.angles[index] + rng.choice([-1, 1]) * rng.uniform(0.1, 0.45) * t).astype(
            np.float32
        )
        pulsation = 1 + rng.uniform(0.1, 0.45) * np.sin(rng.uniform(0.2, 0.5) * t)
        parameters.sizes[index] = (parameters.sizes[index] * pulsation).astype(np.float32)
    parameters.bend = float(rng.uniform(0.02, 0.07))


def _nightfall(parameters: SceneParameters) -> None:
    """The picture darkens under strong noise, and the camera jumps once."""
    rng, n = parameters.rng, parameters.frames
    dark = rng.uniform(0.12, 0.5)
    parameters.gain = (1 - (1 - dark) * np.clip((np.arange(n) - 4) / (n * rng.uniform(0.4, 0.8)), 0, 1)).astype(
        np.float32
    )
    parameters.noise = float(rng.uniform(4, 14))
    jolt = int(rng.integers(6, n - 4))
    parameters.camera[jolt:] += rng.uniform(-0.22, 0.22, 2).astype(np.float32)


GENERATORS: Mapping[Split, Mapping[str, Callable[[SceneParameters], None]]] = {
    Split.CALIBRATION: {
        "parade": _parade,
        "curtain": _curtain,
        "elevator": _elevator,
        "zoom": _zoom,
        "camouflage": _camouflage,
        "gusts": _gusts,
        "flashes": _flashes,
        "veil": _veil,
    },
    Split.TEST: {
        "roundabout": _roundabout,
        "colonnade": _colonnade,
        "detour": _detour,
        "tumble": _tumble,
        "nightfall": _nightfall,
    },
}
