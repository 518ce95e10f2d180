"""Training scenes: objects, their motion and their occlusion.

A scene is a pure function of its random generator, so that a run resumes with the same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.synthetic.renderer import Scene, SceneObject, Sprite, Track, render_scene
from backend.training.drawn import shapes, textures

Rng = np.random.Generator
CUT_SHARE = 0.15


@dataclass(frozen=True)
class SceneSpec:
    """Scene parameters from the curriculum; ``difficulty`` is 0..1, ``size_px`` the square frame's side."""

    frames: int
    size_px: int
    targets: int
    difficulty: float
    motion: float
    hiding: float


def make_sprite(rng: Rng, side: int, avoid: NDArray[np.float32], difficulty: float) -> Sprite:
    """One object: a shape with a texture, sometimes with a second texture on a part of it."""
    alpha = shapes.draw_shape(rng, side, difficulty)
    rgb = textures.object_texture(rng, side, avoid, difficulty).copy()
    if rng.random() < 0.5 * difficulty:
        part = shapes.draw_shape(rng, side, 0.0) if rng.random() < 0.5 else np.zeros((side, side), np.uint8)
        if not part.any():
            part[:, : int(side * rng.uniform(0.3, 0.7))] = 255
        other = textures.object_texture(rng, side, avoid, difficulty)
        shift = tuple(rng.integers(-side // 4, side // 4, 2))
        chosen = np.roll(part, shift, (0, 1)) > 127
        rgb[chosen] = other[chosen]
    return Sprite(np.dstack([rgb, alpha]))


def recoloured(rng: Rng, sprite: Sprite) -> Sprite:
    """A similar sprite: the same shape and texture, up to 15 % brighter or darker."""
    rgba = sprite.rgba.copy()
    rgba[..., :3] = np.clip(rgba[..., :3].astype(np.float32) * rng.uniform(0.85, 1.15), 0, 255)
    return Sprite(rgba)


def spread_places(rng: Rng, count: int, gap: float) -> NDArray[np.float64]:
    """``count`` centres in the unit square, [count, 2], at least ``gap`` apart where forty tries allow."""
    places: list[NDArray[np.float64]] = []
    for _ in range(count):
        for _attempt in range(40):
            place = rng.uniform(0.14, 0.86, 2)
            if all(np.abs(place - other).max() > gap for other in places):
                break
        places.append(place)
    return np.array(places).reshape(count, 2)


def wandering_track(rng: Rng, spec: SceneSpec, place: NDArray[np.float64], size: float) -> Track:
    """A smooth path from ``place``: drift with a slow change of direction, bouncing off the frame's edge."""
    t = np.arange(spec.frames, dtype=np.float32)
    heading = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.12) * t
    speed = spec.motion * rng.uniform(0.0, 0.05)
    x = place[0] + np.concatenate([[0], np.cumsum(speed * np.cos(heading))[:-1]])
    y = place[1] + np.concatenate([[0], np.cumsum(speed * np.sin(heading))[:-1]])
    x, y = (0.06 + np.abs((p - 0.06 + 0.88) % 1.76 - 0.88) for p in (x, y))
    growth = np.exp(spec.motion * rng.normal(0, 0.02) * t)
    wobbly = rng.random() < 0.5 * spec.difficulty
    return Track(
        x_rel=x.astype(np.float32),
        y_rel=y.astype(np.float32),
        size_rel=np.clip(size * growth, 0.1, 0.8).astype(np.float32),
        angle=(rng.uniform(0, 2 * np.pi) + spec.motion * rng.normal(0, 0.08) * t).astype(np.float32),
        bend=np.full(spec.frames, rng.uniform(0.01, 0.05) if wobbly else 0.0, np.float32),
        phase=(rng.uniform(0, 6.3) + rng.uniform(0, 0.6) * t).astype(np.float32),
    )


def with_absence(rng: Rng, track: Track) -> Track:
    """The track with the object far outside the frame for a range of frames after the first."""
    frames = len(track.x_rel)
    if frames >= 6 and rng.random() < 0.8:
        # Absent long enough that all recent memories are of its absence, then back.
        start = int(rng.integers(1, 3))
        end = int(rng.integers(start + 2, frames - 1))
    else:
        start = int(rng.integers(1, max(2, frames - 1)))
        end = min(frames, start + int(rng.integers(1, max(2, frames // 2 + 1))))
    x = track.x_rel.copy()
    direction = -1.0 if x[start] < 0.5 else 1.0
    x[start:end] += direction * 3.0
    for step in (start - 1, end):
        if 0 < step < frames:
            x[step] += direction * 0.15
    y = track.y_rel.copy()
    if end < frames and rng.random() < 0.6:
        # Back at another place: memory must find it anywhere in the frame.
        x[end:] += np.float32(rng.uniform(0.15, 0.85)) - x[end]
        y[end:] += np.float32(rng.uniform(0.15, 0.85)) - y[end]
    return Track(x, y, track.size_rel, track.angle, track.bend, track.phase)


def behind_a_bar(
    rng: Rng, spec: SceneSpec, actor: SceneObject, average: NDArray[np.float32]
) -> tuple[SceneObject, SceneObject]:
    """The actor on a straight path across the frame, and a bar (not a target) that hides it half way."""
    track = actor.track
    size = np.minimum(track.size_rel, np.float32(0.42))
    s = np.linspace(0, 1, spec.frames, dtype=np.float32)
    x = np.float32(0.1) + np.float32(0.8) * (s if rng.random() < 0.5 else 1 - s)
    y = np.float32(rng.uniform(0.2, 0.8)) + np.float32(rng.uniform(-0.2, 0.2)) * s
    side = spec.size_px
    rgb = textures.object_texture(rng, side, average, spec.difficulty)
    alpha = np.zeros((side, side), np.uint8)
    half_width = int(side * min(0.3, float(size.max()) * rng.uniform(0.45, 0.75)))
    alpha[:, side // 2 - half_width : side // 2 + half_width] = 255
    middle = np.full(spec.frames, rng.uniform(0.4, 0.6), np.float32)
    still, one = np.zeros_like(x), np.ones_like(x)
    turned = rng.random() < 0.4
    if turned:
        x, y = y, x
    centre = one * np.float32(0.5)
    place_x, place_y = (centre, middle) if turned else (middle, centre)
    bar_track = Track(place_x, place_y, one * np.float32(1.3), still + np.float32(np.pi / 2 * turned), still, still)
    moved = Track(x, y, size, track.angle, track.bend, track.phase)
    return SceneObject(actor.sprite, moved), SceneObject(Sprite(np.dstack([rgb, alpha])), bar_track, is_target=False)


def occluder(rng: Rng, spec: SceneSpec, hidden: Track, average: NDArray[np.float32]) -> SceneObject:
    """An object (not a target) over the place of ``hidden`` on one frame of the clip."""
    sprite = make_sprite(rng, spec.size_px // 2, average, spec.difficulty)
    middle = int(rng.integers(min(1, spec.frames - 1), spec.frames))
    size = float(hidden.size_rel[middle]) * rng.uniform(0.9, 1.9)
    place = np.array([hidden.x_rel[middle], hidden.y_rel[middle]])
    still = SceneSpec(spec.frames, spec.size_px, 1, 0.0, 0.6, 0.0)
    track = wandering_track(rng, still, place, size)
    offset_x, offset_y = place[0] - track.x_rel[middle], place[1] - track.y_rel[middle]
    moved = Track(
        track.x_rel + np.float32(offset_x),
        track.y_rel + np.float32(offset_y),
        track.size_rel,
        track.angle,
        track.bend,
        track.phase,
    )
    return SceneObject(sprite, moved, is_target=False)


def _objects(rng: Rng, spec: SceneSpec, average: NDArray[np.float32]) -> list[SceneObject]:
    """The targets and the distractors of a scene, without occluders."""
    distractors = int(rng.random() < 0.5 * spec.difficulty)
    places = spread_places(rng, spec.targets + distractors, 0.42 - 0.16 * spec.difficulty)
    actors: list[SceneObject] = []
    for index, place in enumerate(places):
        size = rng.uniform(0.24, 0.48) if rng.random() < 0.7 else rng.uniform(0.16, 0.65)
        size *= 1.35 - 0.35 * spec.difficulty
        side = int(np.clip(size * spec.size_px * 1.2, 24, 220))
        copies = actors and rng.random() < 0.15 + 0.2 * spec.difficulty
        sprite = recoloured(rng, actors[-1].sprite) if copies else make_sprite(rng, side, average, spec.difficulty)
        track = wandering_track(rng, spec, place, size)
        is_target = index < spec.targets
        if is_target and spec.frames > 1 and rng.random() < 0.65 * spec.hiding:
            track = with_absence(rng, track)
        actors.append(SceneObject(sprite, track, is_target))
    return actors


def make_scene(rng: Rng, spec: SceneSpec) -> Scene:
    """Draws one random scene with the curriculum's parameters."""
    side = int(spec.size_px * 1.3)
    background = textures.background(rng, side, spec.difficulty)
    actors = _objects(rng, spec, background.reshape(-1, 3).mean(0).astype(np.float32))
    if spec.frames >= 6 and rng.random() < 0.65 * spec.hiding:
        average = background.reshape(-1, 3).mean(0).astype(np.float32)
        actors[0], bar = behind_a_bar(rng, spec, actors[0], average)
        actors.append(bar)
    elif rng.random() < spec.hiding:
        hidden = actors[int(rng.integers(spec.targets))]
        actors.append(occluder(rng, spec, hidden.track, background.reshape(-1, 3).mean(0).astype(np.float32)))
    t = np.arange(spec.frames, dtype=np.float32)[:, None]
    camera = spec.motion * rng.normal(0, 0.012, 2) * (rng.random() < 0.6) * t
    gain = rng.uniform(0.75, 1.2) + spec.motion * rng.normal(0, 0.02) * t[:, 0]
    return Scene(
        background=background,
        actors=tuple(actors),
        camera_rel=camera.astype(np.float32),
        gain=np.clip(gain, 0.5, 1.5).astype(np.float32),
        noise=float(rng.uniform(0, 8) * (rng.random() < 0.4)),
        blur=float(rng.uniform(0, 0.008) * spec.size_px * (rng.random() < 0.4 * spec.difficulty)),
        seed=int(rng.integers(1 << 31)),
    )


def cut_away(
    rng: Rng, spec: SceneSpec, frames: NDArray[np.uint8], masks: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Cuts to another scene without targets on a range of frames after the first; half of the cuts return.

    ``frames`` uint8 [T, H, W, 3], ``masks`` bool [T, N, H, W]; returned as new arrays.
    """
    count = len(frames)
    start = int(rng.integers(1, count))
    end = int(rng.integers(start + 1, count + 1)) if rng.random() < 0.5 else count
    elsewhere, _ = render_scene(make_scene(rng, spec), (spec.size_px, spec.size_px))
    frames, masks = frames.copy(), masks.copy()
    frames[start:end] = elsewhere[start:end]
    masks[start:end] = False
    return frames, masks


def render_batch(seed: int, step: int, scenes: int, spec: SceneSpec) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One step's data, a function of ``(seed, step)`` alone.

    Returns frames uint8 [S, T, H, W, 3] and visible masks bool [S, T, N, H, W].
    """
    frames, masks = [], []
    for index in range(scenes):
        rng = np.random.default_rng((seed, step, index))
        scene_frames, scene_masks = render_scene(make_scene(rng, spec), (spec.size_px, spec.size_px))
        if spec.frames >= 6 and rng.random() < CUT_SHARE * spec.difficulty:
            scene_frames, scene_masks = cut_away(rng, spec, scene_frames, scene_masks)
        frames.append(scene_frames)
        masks.append(scene_masks)
    return np.stack(frames), np.stack(masks)
