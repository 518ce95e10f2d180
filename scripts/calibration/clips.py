"""Generated clips with known tracking failures, for calibration and for the test of uncertainty.

Owns the rendering of a scene that a generator made. Each split has its own generators, outlines, textures and seeds, so
the test measures a calibrator on unseen data. A clip is requested by split. A calibrator records the generators of its
fit, and the benchmark refuses a calibrator fitted on a test generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from backend.evaluation.synthetic import motion
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
from backend.evaluation.synthetic.source import ClipSource
from backend.evaluation.synthetic.textures import colour
from scripts.calibration.clip_appearance import BACKDROPS, BODIES, OUTLINES, Split, draw_outline, paint
from scripts.calibration.scene_generators import GENERATORS, TARGETS, SceneParameters, usual_parameters

CLIP_FRAMES = 24
CLIP_SIZE = (120, 160)
MIXED_SHARE = 0.5
"""Share of the calibration clips with two kinds of failure, so that a calibrator does not learn single generators."""

_STREAMS: Mapping[Split, int] = {Split.CALIBRATION: 715_225_739, Split.TEST: 334_214_459}


@dataclass(frozen=True)
class GeneratedClip:
    """A clip with its visible true masks, bool [T, N, H, W], and its origin: split, generator and seed."""

    split: Split
    generator: str
    seed: int
    video: ClipSource
    masks: BoolArray

    @property
    def name(self) -> str:
        return f"{self.generator}-{self.seed}"


def generators(split: Split) -> tuple[str, ...]:
    """The generators of a split, in the order of its clips."""
    return tuple(GENERATORS[split])


def split_clip(
    split: Split, number: int, *, frames: int = CLIP_FRAMES, size: tuple[int, int] = CLIP_SIZE
) -> GeneratedClip:
    """A split's clip by number; the generators alternate. Equal arguments give equal pixels.

    size: (height, width). Raises ValueError for fewer than 16 frames, which are too few for a return after hiding.
    """
    if frames < 16:
        raise ValueError(f"a generated clip has at least 16 frames, not {frames}")
    names = generators(split)
    name = names[number % len(names)]
    rng = np.random.default_rng((_STREAMS[split], number))
    parameters = usual_parameters(rng, frames)
    GENERATORS[split][name](parameters)
    if split is Split.CALIBRATION and rng.random() < MIXED_SHARE:
        GENERATORS[split][names[int(rng.integers(len(names)))]](parameters)
    pixels, masks = _rendered(parameters, split, size)
    return GeneratedClip(split, name, number, ClipSource(pixels), masks)


def generated_clips(split: Split, count: int, *, frames: int = CLIP_FRAMES) -> Iterator[GeneratedClip]:
    """The first `count` clips of a split, rendered lazily."""
    for number in range(count):
        yield split_clip(split, number, frames=frames)


def _rendered(parameters: SceneParameters, split: Split, size: tuple[int, int]) -> tuple[ByteArray, BoolArray]:
    rng = parameters.rng
    hue, larger = float(rng.random()), (int(size[0] * 1.4), int(size[1] * 1.4))
    painter = BACKDROPS[split][str(rng.choice(list(BACKDROPS[split])))]
    value = rng.uniform(0.4, 0.8)
    low, high = colour(hue, 0.25, value * 0.7), colour(hue + 0.05, 0.3, value)
    background = paint(painter, larger, low, high, rng)
    side = int(0.7 * size[0])
    actors = [
        SceneObject(sprite, _track(parameters, index))
        for index, sprite in enumerate(_sprites(parameters, split, side, hue, low, high))
    ]
    actors = (
        [*_distractors(parameters, actors), *actors]
        if rng.random() < 0.5
        else [*actors, *_distractors(parameters, actors)]
    )
    actors += [_occluder(parameters, x_rel, width, side, size) for x_rel, width in parameters.occluders]
    scene = Scene(
        background=background,
        actors=tuple(actors),
        camera_rel=parameters.camera,
        gain=parameters.gain,
        noise=parameters.noise,
        blur=parameters.blur,
        seed=int(rng.integers(1 << 31)),
    )
    return render_scene(scene, size)


def _sprites(
    parameters: SceneParameters, split: Split, side: int, hue: float, ground_low: FloatArray, ground_high: FloatArray
) -> list[Sprite]:
    """One sprite per target. likeness: the second to the first. contrast: both to the background."""
    rng = parameters.rng
    names = [str(name) for name in rng.permutation(list(OUTLINES[split]))[:TARGETS]]
    bodies = [str(rng.choice(list(BODIES[split]))) for _ in range(TARGETS)]
    hues = [hue + rng.uniform(0.25, 0.45), hue + rng.uniform(0.55, 0.75)]
    if parameters.likeness > 0.5:
        names[1], bodies[1] = names[0], bodies[0]
    hues[1] = hues[0] + (hues[1] - hues[0]) * (1 - parameters.likeness)
    sprites = []
    for name, body, own in zip(names, bodies, hues, strict=True):
        dark, light = colour(own, 0.8, rng.uniform(0.35, 0.6)), colour(own + 0.05, 0.7, rng.uniform(0.75, 1.0))
        low = (ground_low + (dark - ground_low) * parameters.contrast).astype(np.float32)
        high = (ground_high + (light - ground_high) * parameters.contrast).astype(np.float32)
        rgb = paint(BODIES[split][body], (side, side), low, high, rng)
        sprites.append(Sprite(np.dstack([rgb, draw_outline(split, name, side, rng)])))
    return sprites


def _track(parameters: SceneParameters, index: int) -> Track:
    x_rel, y_rel = parameters.paths[index]
    bend = np.full(parameters.frames, parameters.bend, np.float32)
    phase = (0.25 * np.arange(parameters.frames)).astype(np.float32)
    return Track(x_rel, y_rel, parameters.sizes[index], parameters.angles[index], bend, phase)


def _distractors(parameters: SceneParameters, actors: list[SceneObject]) -> list[SceneObject]:
    """Tinted copies of the first target on their own paths."""
    rng, distractors = parameters.rng, []
    for _ in range(parameters.distractors):
        rgba = actors[0].sprite.rgba.copy()
        tint = 1 + rng.uniform(0, 0.5) * rng.uniform(-1, 1, 3)
        rgba[..., :3] = np.clip(rgba[..., :3] * tint, 0, 255).astype(np.uint8)
        home = (rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.8))
        x_rel, y_rel = motion.cruise(rng, parameters.frames, home, 0.4)
        length = float(parameters.sizes[0].mean() * rng.uniform(0.8, 1.2))
        distractors.append(SceneObject(Sprite(rgba), motion.build_track(rng, x_rel, y_rel, length), is_target=False))
    return distractors


def _occluder(
    parameters: SceneParameters, x_rel: FloatArray, width: float, side: int, size: tuple[int, int]
) -> SceneObject:
    """A vertical bar. width: a fraction of the frame's width. The sprite is 1.6 frame heights high."""
    rng, height_rel = parameters.rng, 1.6
    grey = colour(rng.random(), 0.2, rng.uniform(0.25, 0.6))
    alpha = np.zeros((side, side), np.uint8)
    half = max(int(side * width * size[1] / (2 * height_rel * size[0])), 1)
    alpha[:, side // 2 - half : side // 2 + half] = 255
    rgb = np.broadcast_to(grey, (side, side, 3)).astype(np.uint8)
    zero = np.zeros(parameters.frames, np.float32)
    tall = np.full(parameters.frames, height_rel, np.float32)
    middle = np.full(parameters.frames, 0.5, np.float32)
    return SceneObject(Sprite(np.dstack([rgb, alpha])), Track(x_rel, middle, tall, zero, zero, zero), is_target=False)
