"""Trial clips: small clips in which tracking goes wrong in known ways, to calibrate uncertainty and to test it.

Each generator is a way of going wrong. Eight are for calibration and five for the test, with outlines, textures and
random streams of their own, so that the test says how a calibrator does on what it never saw. Keeping them apart is
not left to care: a clip is asked for by split, each split has its own stream of seeds, and a calibrator records the
generators that it was fitted on (the benchmark refuses one that was fitted on a test generator).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from backend.evaluation.synthetic import motion
from backend.evaluation.synthetic.source import ClipSource
from backend.evaluation.synthetic.stage import (
    BoolArray,
    ByteArray,
    FloatArray,
    Scene,
    SceneObject,
    Sprite,
    Track,
    render_scene,
)
from backend.evaluation.synthetic.textures import colour
from scripts.calibration.clip_looks import BACKDROPS, BODIES, OUTLINES, Rng, Split, draw_outline, paint

TRIAL_FRAMES = 24
TRIAL_SIZE = (120, 160)
TARGETS = 2
MIXED_SHARE = 0.5
"""Share of the calibration clips in which two things go wrong: the more ways are seen, the less one is learnt."""

_STREAMS: Mapping[Split, int] = {Split.CALIBRATION: 715_225_739, Split.TEST: 334_214_459}


@dataclass(frozen=True)
class TrialClip:
    """A clip with its truth: a video and visible masks bool [T, N, H, W], and where it comes from."""

    split: Split
    generator: str
    seed: int
    video: ClipSource
    masks: BoolArray

    @property
    def name(self) -> str:
        return f"{self.generator}-{self.seed}"


@dataclass
class _Plan:
    """What a generator may set before the scene is drawn; paths are float32 [T], fractions of the frame."""

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
    decoys: int
    """Things that are no targets and look like the first one."""

    slabs: list[tuple[FloatArray, float]]
    """Upright slabs in front of everything, no targets: centre by frame and width, fractions of the frame's width."""


def _fresh_plan(rng: Rng, frames: int) -> _Plan:
    t = np.arange(frames, dtype=np.float32)
    homes = [(rng.uniform(0.22, 0.36), rng.uniform(0.3, 0.7)), (rng.uniform(0.64, 0.78), rng.uniform(0.3, 0.7))]
    sizes = [np.full(frames, rng.uniform(0.22, 0.5), np.float32) for _ in homes]
    return _Plan(
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
        decoys=int(rng.choice([0, 0, 0, 1])),
        slabs=[],
    )


def _ramp(frames: int, start: float, end: float) -> FloatArray:
    return np.linspace(start, end, frames, dtype=np.float32)


def _parade(plan: _Plan) -> None:
    """Look-alikes that walk past each other."""
    rng, n = plan.rng, plan.frames
    height = rng.uniform(0.35, 0.6)
    plan.paths[0] = motion.crossing(n, (0.18, height), (0.82, height + rng.uniform(-0.1, 0.1)))
    plan.paths[1] = motion.crossing(n, (0.82, height + rng.uniform(-0.12, 0.12)), (0.18, height))
    plan.likeness = float(rng.uniform(0.6, 1.0))


def _curtain(plan: _Plan) -> None:
    """A wide slab is drawn across the frame and hides whatever is there."""
    rng, n = plan.rng, plan.frames
    start, end = (-0.3, 1.3) if rng.random() < 0.5 else (1.3, -0.3)
    plan.slabs.append((_ramp(n, start, end), float(rng.uniform(0.25, 0.5))))


def _elevator(plan: _Plan) -> None:
    """The first object leaves at the top or the bottom and comes back the same way, among its like."""
    rng, n = plan.rng, plan.frames
    plan.decoys = 1
    leave, back = sorted(rng.integers(3, n - 2, 2))
    t = np.arange(n, dtype=np.float32)
    out = np.clip((t - leave + 4) / 4, 0, 1) * np.clip((back + 4 - t) / 4, 0, 1)
    x, y = plan.paths[0]
    plan.paths[0] = x, (y + out * (rng.choice([-1.0, 1.0]) * 1.1)).astype(np.float32)


def _zoom(plan: _Plan) -> None:
    """The objects come near or go far."""
    rng, n = plan.rng, plan.frames
    for index in range(TARGETS):
        near, far = rng.uniform(0.55, 1.2), rng.uniform(0.08, 0.22)
        start, end = (near, far) if rng.random() < 0.5 else (far, near)
        plan.sizes[index] = _ramp(n, start, end)


def _camouflage(plan: _Plan) -> None:
    """Objects hardly to be told from the background, under a shaking camera."""
    rng, n = plan.rng, plan.frames
    plan.contrast = float(rng.uniform(0.06, 0.4))
    plan.camera = rng.normal(0, rng.uniform(0.0, 0.08), (n, 2)).astype(np.float32)
    plan.noise = float(rng.uniform(3, 22))


def _gusts(plan: _Plan) -> None:
    """The objects rest, and are blown aside of a sudden."""
    rng, n = plan.rng, plan.frames
    for index in range(TARGETS):
        gust = rng.normal(0, 1, (n, 2)) * (rng.random((n, 1)) < 0.2) * rng.uniform(0.05, 0.2)
        x, y = (plan.paths[index][axis] + np.cumsum(gust[:, axis]) for axis in (0, 1))
        plan.paths[index] = x.astype(np.float32), y.astype(np.float32)


def _flashes(plan: _Plan) -> None:
    """Lights flash and go out for a frame or a few."""
    rng, n = plan.rng, plan.frames
    for start in rng.integers(2, n, int(rng.integers(1, 5))):
        plan.gain[start : start + int(rng.integers(1, 6))] *= np.float32(rng.choice([0.15, 0.3, 1.8, 2.8]))


def _veil(plan: _Plan) -> None:
    """All of it through a veil: blurred, and swinging by."""
    rng, n = plan.rng, plan.frames
    plan.blur = float(rng.uniform(1.0, 3.5))
    swing = np.sin(np.arange(n) * rng.uniform(0.1, 0.5))[:, None] * rng.uniform(-0.2, 0.2, 2)
    plan.camera = (plan.camera + swing).astype(np.float32)


def _roundabout(plan: _Plan) -> None:
    """Look-alikes that circle around each other, one before the other in turn."""
    rng, n = plan.rng, plan.frames
    turns, start = rng.uniform(0.5, 1.3) * rng.choice([-1, 1]), rng.uniform(0, 6.3)
    theta = start + turns * 2 * np.pi * np.arange(n) / n
    reach_x, reach_y = rng.uniform(0.16, 0.28), rng.uniform(0.02, 0.16)
    for index, half in enumerate((0.0, np.pi)):
        x = 0.5 + reach_x * np.cos(theta + half)
        y = 0.5 + reach_y * np.sin(theta + half)
        plan.paths[index] = x.astype(np.float32), y.astype(np.float32)
    plan.likeness = float(rng.uniform(0.55, 1.0))


def _colonnade(plan: _Plan) -> None:
    """The first object walks behind standing columns, some of them wider than itself."""
    rng, n = plan.rng, plan.frames
    height = rng.uniform(0.35, 0.65)
    plan.paths[0] = motion.crossing(n, (0.1, height), (0.92, height))
    for centre in (0.36, 0.68):
        still = np.full(n, centre + rng.uniform(-0.05, 0.05), np.float32)
        plan.slabs.append((still, float(rng.uniform(0.06, 0.3))))


def _detour(plan: _Plan) -> None:
    """The first object leaves on one side and comes back on another, larger or smaller."""
    rng, n = plan.rng, plan.frames
    gone, back = int(n * rng.uniform(0.25, 0.45)), int(n * rng.uniform(0.55, 0.75))
    side = rng.choice([-1.0, 1.0])
    t = np.arange(n, dtype=np.float32)
    x0, y0 = 0.5 - side * 0.15, rng.uniform(0.35, 0.65)
    out = x0 + side * (1.4 - x0 * side) * np.clip((t - gone + 6) / 6, 0, 1)
    home = 0.5 - side * (0.2 + 1.2 * np.clip((back + 6 - t) / 6, 0, 1))
    plan.paths[0] = np.where(t < (gone + back) / 2, out, home).astype(np.float32), np.full(n, y0, np.float32)
    plan.sizes[0] = np.where(t < gone, plan.sizes[0], plan.sizes[0] * rng.uniform(0.6, 1.4)).astype(np.float32)


def _tumble(plan: _Plan) -> None:
    """The objects spin and buckle fast."""
    rng, n = plan.rng, plan.frames
    t = np.arange(n, dtype=np.float32)
    for index in range(TARGETS):
        plan.angles[index] = (plan.angles[index] + rng.choice([-1, 1]) * rng.uniform(0.1, 0.45) * t).astype(np.float32)
        breath = 1 + rng.uniform(0.1, 0.45) * np.sin(rng.uniform(0.2, 0.5) * t)
        plan.sizes[index] = (plan.sizes[index] * breath).astype(np.float32)
    plan.bend = float(rng.uniform(0.02, 0.07))


def _nightfall(plan: _Plan) -> None:
    """The light goes, the grain comes, and at one moment the camera is knocked aside."""
    rng, n = plan.rng, plan.frames
    dark = rng.uniform(0.12, 0.5)
    plan.gain = (1 - (1 - dark) * np.clip((np.arange(n) - 4) / (n * rng.uniform(0.4, 0.8)), 0, 1)).astype(np.float32)
    plan.noise = float(rng.uniform(4, 14))
    knock = int(rng.integers(6, n - 4))
    plan.camera[knock:] += rng.uniform(-0.22, 0.22, 2).astype(np.float32)


GENERATORS: Mapping[Split, Mapping[str, Callable[[_Plan], None]]] = {
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


def generators(split: Split) -> tuple[str, ...]:
    """The generators of a split, in the order that its clips take turns."""
    return tuple(GENERATORS[split])


def trial_clip(
    split: Split, number: int, *, frames: int = TRIAL_FRAMES, size: tuple[int, int] = TRIAL_SIZE
) -> TrialClip:
    """A split's clip of a number, the generators taking turns: the same arguments give the same pixels.

    size: (height, width). Raises ValueError for fewer than 16 frames: there is no time to hide and come back.
    """
    if frames < 16:
        raise ValueError(f"a trial clip has at least 16 frames, not {frames}")
    names = generators(split)
    name = names[number % len(names)]
    rng = np.random.default_rng((_STREAMS[split], number))
    plan = _fresh_plan(rng, frames)
    GENERATORS[split][name](plan)
    if split is Split.CALIBRATION and rng.random() < MIXED_SHARE:
        GENERATORS[split][names[int(rng.integers(len(names)))]](plan)
    pixels, masks = _rendered(plan, split, size)
    return TrialClip(split, name, number, ClipSource(pixels), masks)


def trial_clips(split: Split, count: int, *, frames: int = TRIAL_FRAMES) -> Iterator[TrialClip]:
    """The first `count` clips of a split, rendered one at a time."""
    for number in range(count):
        yield trial_clip(split, number, frames=frames)


def _rendered(plan: _Plan, split: Split, size: tuple[int, int]) -> tuple[ByteArray, BoolArray]:
    rng = plan.rng
    hue, larger = float(rng.random()), (int(size[0] * 1.4), int(size[1] * 1.4))
    painter = BACKDROPS[split][str(rng.choice(list(BACKDROPS[split])))]
    value = rng.uniform(0.4, 0.8)
    low, high = colour(hue, 0.25, value * 0.7), colour(hue + 0.05, 0.3, value)
    background = paint(painter, larger, low, high, rng)
    side = int(0.7 * size[0])
    actors = [
        SceneObject(sprite, _track(plan, index))
        for index, sprite in enumerate(_sprites(plan, split, side, hue, low, high))
    ]
    actors = [*_decoys(plan, actors), *actors] if rng.random() < 0.5 else [*actors, *_decoys(plan, actors)]
    actors += [_slab(plan, x_rel, width, side, size) for x_rel, width in plan.slabs]
    scene = Scene(
        background=background,
        actors=tuple(actors),
        camera_rel=plan.camera,
        gain=plan.gain,
        noise=plan.noise,
        blur=plan.blur,
        seed=int(rng.integers(1 << 31)),
    )
    return render_scene(scene, size)


def _sprites(
    plan: _Plan, split: Split, side: int, hue: float, ground_low: FloatArray, ground_high: FloatArray
) -> list[Sprite]:
    """One a target; the second resembles the first as the plan says, and both the background as its contrast says."""
    rng = plan.rng
    names = [str(name) for name in rng.permutation(list(OUTLINES[split]))[:TARGETS]]
    bodies = [str(rng.choice(list(BODIES[split]))) for _ in range(TARGETS)]
    hues = [hue + rng.uniform(0.25, 0.45), hue + rng.uniform(0.55, 0.75)]
    if plan.likeness > 0.5:
        names[1], bodies[1] = names[0], bodies[0]
    hues[1] = hues[0] + (hues[1] - hues[0]) * (1 - plan.likeness)
    sprites = []
    for name, body, own in zip(names, bodies, hues, strict=True):
        dark, light = colour(own, 0.8, rng.uniform(0.35, 0.6)), colour(own + 0.05, 0.7, rng.uniform(0.75, 1.0))
        low = (ground_low + (dark - ground_low) * plan.contrast).astype(np.float32)
        high = (ground_high + (light - ground_high) * plan.contrast).astype(np.float32)
        rgb = paint(BODIES[split][body], (side, side), low, high, rng)
        sprites.append(Sprite(np.dstack([rgb, draw_outline(split, name, side, rng)])))
    return sprites


def _track(plan: _Plan, index: int) -> Track:
    x_rel, y_rel = plan.paths[index]
    bend = np.full(plan.frames, plan.bend, np.float32)
    phase = (0.25 * np.arange(plan.frames)).astype(np.float32)
    return Track(x_rel, y_rel, plan.sizes[index], plan.angles[index], bend, phase)


def _decoys(plan: _Plan, actors: list[SceneObject]) -> list[SceneObject]:
    """Copies of the first target with a tint of their own, wandering by themselves."""
    rng, made = plan.rng, []
    for _ in range(plan.decoys):
        rgba = actors[0].sprite.rgba.copy()
        tint = 1 + rng.uniform(0, 0.5) * rng.uniform(-1, 1, 3)
        rgba[..., :3] = np.clip(rgba[..., :3] * tint, 0, 255).astype(np.uint8)
        home = (rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.8))
        x_rel, y_rel = motion.cruise(rng, plan.frames, home, 0.4)
        length = float(plan.sizes[0].mean() * rng.uniform(0.8, 1.2))
        made.append(SceneObject(Sprite(rgba), motion.build_track(rng, x_rel, y_rel, length), is_target=False))
    return made


def _slab(plan: _Plan, x_rel: FloatArray, width: float, side: int, size: tuple[int, int]) -> SceneObject:
    """width: a fraction of the frame's width; the slab's sprite is 1.6 frame heights high."""
    rng, height_rel = plan.rng, 1.6
    grey = colour(rng.random(), 0.2, rng.uniform(0.25, 0.6))
    alpha = np.zeros((side, side), np.uint8)
    half = max(int(side * width * size[1] / (2 * height_rel * size[0])), 1)
    alpha[:, side // 2 - half : side // 2 + half] = 255
    rgb = np.broadcast_to(grey, (side, side, 3)).astype(np.uint8)
    zero = np.zeros(plan.frames, np.float32)
    tall = np.full(plan.frames, height_rel, np.float32)
    middle = np.full(plan.frames, 0.5, np.float32)
    return SceneObject(Sprite(np.dstack([rgb, alpha])), Track(x_rel, middle, tall, zero, zero, zero), is_target=False)
