"""COCO run lengths in the page, against pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Error
from pycocotools import mask as coco

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

Mask = NDArray[np.uint8]


def disc() -> Mask:
    rows, columns = np.mgrid[:90, :160]
    inside: Mask = ((rows - 40) ** 2 + (columns - 70) ** 2 < 900).astype(np.uint8)
    return inside


MASKS: dict[str, Mask] = {
    "empty": np.zeros((5, 7), np.uint8),
    "full": np.ones((5, 7), np.uint8),
    "first pixel": np.eye(4, 6, dtype=np.uint8) * np.array([1, 0, 0, 0], np.uint8)[:, None],
    "one pixel": np.ones((1, 1), np.uint8),
    "noise": np.random.default_rng(7).integers(0, 2, (31, 17), dtype=np.uint8),
    "disc": disc(),
    "long runs": np.repeat(np.array([[0, 1, 0]], np.uint8), 40_000, axis=0),
}


def rle_of(mask: Mask) -> dict[str, Any]:
    encoded = coco.encode(np.asfortranarray(mask))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode()}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_of_pycocotools_is_decoded(modules: Modules, name: str) -> None:
    mask = MASKS[name]
    body = "const { decode } = await load('media/rle.js'); return [...decode(argument)];"
    assert modules.run(body, rle_of(mask)) == mask.ravel().tolist()


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_encoded_as_pycocotools_does(modules: Modules, name: str) -> None:
    mask = MASKS[name]
    body = """const { encode } = await load('media/rle.js');
        return encode(Uint8Array.from(argument[0]), argument[1], argument[2]);"""
    assert modules.run(body, [mask.ravel().tolist(), *mask.shape]) == rle_of(mask)


@pytest.mark.parametrize(
    ("name", "box"), [("empty", None), ("full", [0, 0, 1, 1]), ("disc", [41 / 160, 11 / 90, 100 / 160, 70 / 90])]
)
def test_the_box_of_a_mask(modules: Modules, name: str, box: list[float] | None) -> None:
    body = "const { boxOf } = await load('media/rle.js'); return boxOf(argument);"
    assert modules.run(body, rle_of(MASKS[name])) == (None if box is None else pytest.approx(box))


@pytest.mark.parametrize(
    ("rle", "sentence"),
    [
        ({"size": [2, 2], "counts": "P"}, "the run lengths end in the middle of a number"),
        ({"size": [2, 2], "counts": "0O"}, "a run length is negative"),
        ({"size": [2, 2], "counts": "09"}, "the run lengths are longer than the picture"),
    ],
)
def test_a_broken_mask_is_refused(modules: Modules, rle: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Error, match=sentence):
        modules.run("const { decode } = await load('media/rle.js'); return [...decode(argument)];", rle)


def test_painted_masks_have_their_colours_and_lie_in_the_objects_order(modules: Modules) -> None:
    lower, upper = np.zeros((12, 12), np.uint8), np.zeros((12, 12), np.uint8)
    lower[1:8, 1:8], upper[5:11, 5:11] = 1, 1
    masks = [{"rle": rle_of(lower), "color": "#ff8000"}, {"rle": rle_of(upper), "color": "#0000ff"}]
    body = """const { paint } = await load('media/mask_paint.js');
        const canvas = paint(argument);
        return [...canvas.getContext('2d').getImageData(0, 0, 12, 12).data];"""
    pixels = np.array(modules.run(body, masks)).reshape(12, 12, 4)
    assert ((pixels[..., 3] > 0) == (lower | upper)).all()
    assert pixels[3, 3].tolist() == pytest.approx([255, 128, 0, 110], abs=2)
    assert pixels[8, 8].tolist() == pytest.approx([0, 0, 255, 110], abs=2)
    assert pixels[1, 4, 3] == 235  # the edge
    assert pixels[6, 6, 2] > 200  # the later object lies above
