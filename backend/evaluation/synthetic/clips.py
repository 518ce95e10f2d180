"""The held-out clips. They were fixed before the long training started and do not change after it.

A clip is 320 x 240 by default. It has two to four targets from ``shapes.FAMILIES`` with a textured body and sprite
sides of 0.26 to 0.44 of the frame height, over a textured background, with a slowly panning camera. The seed chooses
one of four plots: free movement with crossings, full occlusion behind a pillar, leaving the frame and returning, and
twins (two objects of one family, texture and nearly one colour).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from backend.evaluation.synthetic import motion, shapes, textures
from backend.evaluation.synthetic.renderer import (
    BoolArray,
    ByteArray,
    FloatArray,
    Scene,
    SceneObject,
    Sprite,
    Track,
    render_scene,
)

Rng = np.random.Generator
DEFAULT_SIZE = (240, 320)


class Plot(Enum):
    """The events of a clip."""

    CROSSING = "crossing"
    OCCLUSION = "occlusion"
    EXIT = "exit"
    TWINS = "twins"


@dataclass(frozen=True)
class SyntheticClip:
    """Frames uint8 [T, H, W, 3] RGB, visible masks bool [T, N, H, W], and one name per target."""

    frames: ByteArray
    masks: BoolArray
    names: tuple[str, ...]
    plot: Plot

    @property
    def present(self) -> BoolArray:
        """Whether a target has at least one visible pixel: bool [T, N]."""
        return np.asarray(self.masks.any((2, 3)))


def plot_of(seed: int) -> Plot:
    """The plot of a seed: the four alternate."""
    return list(Plot)[seed % len(Plot)]


def render_clip(seed: int, *, frames: int = 32, size: tuple[int, int] = DEFAULT_SIZE) -> SyntheticClip:
    """The held-out clip of a seed: the same arguments give the same pixels.

    ``size`` is (height, width). ``frames`` is at least 16: an object needs that many to leave and return.
    Raises ValueError for a shorter clip.
    """
    if frames < 16:
        raise ValueError(f"a held-out clip has at least 16 frames, not {frames}")
    rng = np.random.default_rng((982_451_653, seed))
    plot = plot_of(seed)
    palette_hue = float(rng.random())
    background = _paint_background(rng, size, palette_hue)
    actors, names = _make_actors(rng, plot, frames, size, palette_hue)
    pixels, masks = render_scene(_make_scene(rng, background, actors, frames), size)
    return SyntheticClip(pixels, masks, names, plot)


def _make_scene(rng: Rng, background: ByteArray, actors: list[SceneObject], frames: int) -> Scene:
    t = np.arange(frames, dtype=np.float32)
    pan = rng.uniform(-0.05, 0.05, 2).astype(np.float32)
    camera = np.sin(0.08 * t)[:, None] * pan
    gain = 1 + 0.06 * np.sin(0.11 * t + rng.uniform(0, 6.3))
    return Scene(
        background=background,
        actors=tuple(actors),
        camera_rel=camera.astype(np.float32),
        gain=gain.astype(np.float32),
        noise=float(rng.uniform(0, 4)),
        blur=float(rng.uniform(0, 0.8)),
        seed=int(rng.integers(1 << 31)),
    )


def _paint_background(rng: Rng, size: tuple[int, int], hue: float) -> ByteArray:
    kind = textures.BACKGROUNDS[int(rng.integers(len(textures.BACKGROUNDS)))]
    value = rng.uniform(0.3, 0.85)
    low = textures.colour(hue, rng.uniform(0.1, 0.4), value * 0.75)
    high = textures.colour(hue + 0.06, rng.uniform(0.1, 0.4), value)
    larger = (int(size[0] * 1.3), int(size[1] * 1.3))
    return textures.paint(kind, larger, low, high, rng)


def _make_sprite(rng: Rng, family: str, texture: str, hue: float, side: int) -> Sprite:
    low = textures.colour(hue, rng.uniform(0.55, 0.95), rng.uniform(0.35, 0.65))
    high = textures.colour(hue + rng.uniform(-0.08, 0.08), rng.uniform(0.4, 0.9), rng.uniform(0.7, 1.0))
    rgb = textures.paint(texture, (side, side), low, high, rng)
    return Sprite(np.dstack([rgb, shapes.draw_shape(family, side, rng)]))


def _choose_appearances(rng: Rng, count: int, background_hue: float, twins: bool) -> list[tuple[str, str, float]]:
    families = [str(name) for name in rng.permutation(list(shapes.FAMILIES))[:count]]
    kinds = [str(rng.choice(textures.OBJECT_TEXTURES)) for _ in range(count)]
    hues = [(background_hue + 0.2 + 0.6 * (index + rng.uniform(0, 0.6)) / count) % 1.0 for index in range(count)]
    if twins:
        families[1], kinds[1], hues[1] = families[0], kinds[0], hues[0] + 0.03
    return list(zip(families, kinds, hues, strict=True))


def _make_actors(
    rng: Rng, plot: Plot, frames: int, size: tuple[int, int], background_hue: float
) -> tuple[list[SceneObject], tuple[str, ...]]:
    count = 2 + int(rng.integers(0, 3))
    appearances = _choose_appearances(rng, count, background_hue, plot is Plot.TWINS)
    homes = [(0.24, 0.28), (0.74, 0.7), (0.74, 0.26), (0.26, 0.74)]
    sizes = [float(rng.uniform(0.26, 0.44)) for _ in appearances]
    side = int(0.6 * size[0])
    actors = []
    for index, ((family, kind, hue), length) in enumerate(zip(appearances, sizes, strict=True)):
        home = (homes[index][0] + rng.uniform(-0.05, 0.05), homes[index][1] + rng.uniform(-0.05, 0.05))
        x_rel, y_rel = _path(rng, plot, index, frames, home)
        bend = float(rng.uniform(0.01, 0.03)) if rng.random() < 0.4 else 0.0
        track = motion.build_track(rng, x_rel, y_rel, length, bend=bend)
        actors.append(SceneObject(_make_sprite(rng, family, kind, hue, side), track))
    if plot is Plot.OCCLUSION:
        actors.append(_pillar(rng, actors[0].track, sizes[0], side, background_hue))
    return actors, tuple(f"{family}-{number}" for number, (family, _, _) in enumerate(appearances, 1))


def _path(rng: Rng, plot: Plot, index: int, frames: int, home: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    if index == 0 and plot is Plot.EXIT:
        leave = int(frames * 0.3)
        return motion.excursion(frames, home, leave, leave + int(frames * 0.25))
    if index == 0 and plot is Plot.OCCLUSION:
        return motion.crossing(frames, (0.16, 0.32), (0.86, rng.uniform(0.36, 0.5)))
    if index == 0 and plot is Plot.CROSSING:
        return motion.crossing(frames, (0.2, 0.3), (0.8, 0.66))
    return motion.cruise(rng, frames, home, 0.22)


def _pillar(rng: Rng, hidden: Track, length: float, side: int, hue: float) -> SceneObject:
    """A vertical bar, not a target, that fully hides the first object while it passes the middle."""
    low, high = textures.colour(hue + 0.5, 0.2, 0.3), textures.colour(hue + 0.5, 0.25, 0.5)
    rgb = textures.paint("tiles", (side, side), low, high, rng)
    alpha = np.zeros((side, side), np.uint8)
    middle, half_width = side // 2, int(side * (0.62 * length + 0.03))
    alpha[:, middle - half_width : middle + half_width] = 255
    count = len(hidden.x_rel)
    still = np.full(count, 0.5, np.float32)
    centre_y = np.full(count, 0.42, np.float32)
    zero = np.zeros(count, np.float32)
    track = Track(still, centre_y, np.full(count, 1.0, np.float32), zero, zero, zero)
    return SceneObject(Sprite(np.dstack([rgb, alpha])), track, is_target=False)
