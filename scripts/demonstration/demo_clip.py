"""The demo's clip: three held-out objects; one passes behind another, one leaves and returns."""

from __future__ import annotations

import numpy as np

from backend.evaluation.synthetic import motion, textures
from backend.evaluation.synthetic.clips import DEFAULT_SIZE, Plot, SyntheticClip
from backend.evaluation.synthetic.renderer import Scene, SceneObject, Sprite, render_scene
from backend.evaluation.synthetic.shapes import draw_shape

DEMO_FRAMES = 72
DEMO_FRAME_RATE = 24
_SEED = 20_250_117
_SIDE = 160
_OBJECTS = (("van", "plaid", 0.02), ("heart", "rings", 0.84), ("fish", "zigzag", 0.14))


def demo_clip(frames: int = DEMO_FRAMES) -> SyntheticClip:
    """Three objects named van, heart and fish at 320 x 240, uint8 frames [T, 240, 320, 3].

    The van passes behind the heart; the fish is outside the frame from a half to two thirds of the clip.
    """
    rng = np.random.default_rng(_SEED)
    height, width = DEFAULT_SIZE
    low, high = textures.colour(0.55, 0.3, 0.5), textures.colour(0.48, 0.25, 0.8)
    background = textures.paint("hills", (int(height * 1.3), int(width * 1.3)), low, high, rng)
    paths = (
        motion.crossing(frames, (0.2, 0.36), (0.78, 0.32)),
        motion.cruise(rng, frames, (0.52, 0.4), 0.06),
        motion.excursion(frames, (0.27, 0.76), frames // 2, frames * 2 // 3),
    )
    actors = []
    for (family, kind, hue), (x_rel, y_rel), size_rel in zip(_OBJECTS, paths, (0.36, 0.4, 0.38), strict=True):
        dark = textures.colour(hue, 0.85, 0.5)
        light = textures.colour(hue + 0.05, 0.7, 0.95)
        rgb = textures.paint(kind, (_SIDE, _SIDE), dark, light, rng)
        sprite = Sprite(np.dstack([rgb, draw_shape(family, _SIDE, rng)]))
        actors.append(SceneObject(sprite, motion.build_track(rng, x_rel, y_rel, size_rel, turn=0.004, tilt=0.15)))
    t = np.arange(frames, dtype=np.float32)
    camera = np.stack([0.02 * np.sin(0.05 * t), 0.01 * np.sin(0.07 * t)], -1).astype(np.float32)
    gain = (1 + 0.03 * np.sin(0.1 * t)).astype(np.float32)
    pixels, masks = render_scene(Scene(background, tuple(actors), camera, gain, noise=1.5, blur=0.4), DEFAULT_SIZE)
    return SyntheticClip(pixels, masks, tuple(name for name, _, _ in _OBJECTS), Plot.CROSSING)
