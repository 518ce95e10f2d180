"""The renderer: a sprite is at its track's position, and a mask is its visible part."""

import numpy as np

from backend.evaluation.synthetic.renderer import Scene, SceneObject, Sprite, Track, render_scene


def square_sprite(colour: tuple[int, int, int]) -> Sprite:
    """A filled square, its side two thirds of the sprite's."""
    rgba = np.zeros((60, 60, 4), np.uint8)
    rgba[10:50, 10:50, :3] = colour
    rgba[10:50, 10:50, 3] = 255
    return Sprite(rgba)


def still(x_rel: float, y_rel: float, frames: int = 1) -> Track:
    def constant(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.full(frames, value, np.float32)

    return Track(constant(x_rel), constant(y_rel), constant(0.6), constant(0.0), constant(0.0), constant(0.0))


def scene_of(*actors: SceneObject) -> Scene:
    background = np.full((130, 130, 3), 10, np.uint8)
    return Scene(background, actors, np.zeros((1, 2), np.float32), np.ones(1, np.float32))


def test_a_square_is_drawn_where_its_track_says() -> None:
    frames, masks = render_scene(scene_of(SceneObject(square_sprite((200, 0, 0)), still(0.3, 0.4))), (100, 100))
    rows, columns = np.nonzero(masks[0, 0])
    assert abs(rows.mean() - 40) < 1
    assert abs(columns.mean() - 30) < 1
    assert abs(masks.sum() - 40 * 40) < 2 * 40 * 2, "a sprite of 60 px with a square of two thirds"
    assert np.array_equal(frames[0, 40, 30], [200, 0, 0])
    assert np.array_equal(frames[0, 90, 90], [10, 10, 10])


def test_the_object_in_front_has_the_shared_pixels() -> None:
    behind, front = (
        SceneObject(square_sprite((200, 0, 0)), still(0.4, 0.5)),
        SceneObject(square_sprite((0, 0, 200)), still(0.6, 0.5)),
    )
    _, alone = render_scene(scene_of(behind), (100, 100))
    _, masks = render_scene(scene_of(behind, front), (100, 100))
    assert masks[0, 0].sum() < alone[0, 0].sum()
    assert not (masks[0, 0] & masks[0, 1]).any()
    assert masks[0, 1, 50, 50]


def test_an_occluder_hides_and_has_no_mask() -> None:
    target = SceneObject(square_sprite((200, 0, 0)), still(0.5, 0.5))
    cover = SceneObject(square_sprite((0, 200, 0)), still(0.5, 0.5), is_target=False)
    frames, masks = render_scene(scene_of(target, cover), (100, 100))
    assert masks.shape == (1, 1, 100, 100)
    assert masks.sum() == 0
    assert np.array_equal(frames[0, 50, 50], [0, 200, 0])


def test_an_object_outside_the_frame_leaves_an_empty_mask() -> None:
    _, masks = render_scene(scene_of(SceneObject(square_sprite((200, 0, 0)), still(3.0, 0.5))), (100, 100))
    assert not masks.any()
