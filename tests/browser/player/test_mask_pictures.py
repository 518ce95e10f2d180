"""Pictures of masks: painted by the worker around the play head, and bounded."""

from __future__ import annotations

import pytest

from tests.browser.player.builders import MASKS
from tests.browser.player.conftest import Js, Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def pictures(modules: Modules, body: str) -> Js:
    """Runs with mask pictures of a 600 × 400 video with one object on 100 frames."""
    made = """
        const { MaskPictures, MOST_BYTES } = await load('media/mask_pictures.js');
        const { encode } = await load('media/rle.js');
        const bytes = new Uint8Array(600 * 400).fill(1, 600 * 100, 600 * 300);
        const { counts: stored } = encode(bytes, 400, 600);
        const masks = new MaskCache(async () => ({ masks: [] }), () => {}, () => {});
        const rle = { size: [400, 600], counts: stored };
        masks.put([...Array(100).keys()].map(frame => mask('Cat', frame, '', { rle })));
        let objects = [{ id: 'Cat', label: 'Cat', color: '#ff0000', visible: true, locked: false }];
        const painted = [], errors = [];
        const fail = error => errors.push(String(error));
        const pictures = new MaskPictures(masks, () => objects, frame => painted.push(frame), fail);
        const until = async holds => { while (!holds()) await rest(); };
    """
    return modules.run(MASKS + made + body)


def test_masks_are_painted_ahead_of_the_play_head_by_the_worker(modules: Modules) -> None:
    body = """
        pictures.moveTo(50, 1);
        await until(() => painted.length === 15);
        const canvas = new OffscreenCanvas(600, 400), context = canvas.getContext('2d');
        context.drawImage(pictures.picture(50), 0, 0);
        const pixel = (x, y) => [...context.getImageData(x, y, 1, 1).data];
        return { painted, errors, inside: pixel(300, 200), outside: pixel(300, 20),
          current: [pictures.isCurrent(50), pictures.isCurrent(63), pictures.isCurrent(200)] };"""
    found = pictures(modules, body)
    assert found["painted"][0] == 50
    assert sorted(found["painted"]) == list(range(48, 63))
    assert found["inside"] == pytest.approx([255, 0, 0, 110], abs=2)
    assert found["outside"] == [0, 0, 0, 0]
    assert found["current"] == [True, False, True]
    assert found["errors"] == []


def test_a_changed_mask_or_colour_is_painted_again_and_the_older_picture_is_shown_meanwhile(modules: Modules) -> None:
    body = """
        pictures.moveTo(50, 1);
        await until(() => pictures.isCurrent(50));
        masks.replace(50, 'Cat', [mask('Cat', 50, '04')]);
        const meanwhile = [pictures.isCurrent(50), pictures.picture(50)?.width];
        pictures.fill();
        await until(() => pictures.isCurrent(50));
        const repainted = pictures.picture(50).width;
        objects = [{ ...objects[0], color: '#00ff00' }];
        const recoloured = pictures.isCurrent(50);
        objects = [{ ...objects[0], visible: false }];
        return { meanwhile, repainted, recoloured, hidden: [pictures.picture(50), pictures.isCurrent(50)], errors };"""
    assert pictures(modules, body) == {
        "meanwhile": [False, 600],
        "repainted": 2,
        "recoloured": False,
        "hidden": [None, True],
        "errors": [],
    }


def test_painted_masks_stay_within_their_bytes(modules: Modules) -> None:
    body = """
        let most = 0;
        for (let frame = 0; frame < 100; frame += 1) {
          pictures.moveTo(frame, 1);
          await until(() => pictures.isCurrent(frame));
          most = Math.max(most, pictures.painted.size * 600 * 400 * 4);
        }
        await until(() => pictures.orders.size === 0);
        return { most, MOST_BYTES, counted: pictures.bytes, kept: pictures.painted.size };"""
    found = pictures(modules, body)
    assert found["most"] <= found["MOST_BYTES"]
    assert found["counted"] == found["kept"] * 600 * 400 * 4
    assert found["kept"] == found["MOST_BYTES"] // (600 * 400 * 4)


def test_forgotten_pictures_are_not_shown_even_if_they_come_later(modules: Modules) -> None:
    body = """
        pictures.moveTo(50, 1);
        await until(() => pictures.isCurrent(50) && pictures.orders.size > 0);
        pictures.clear();
        const cleared = [pictures.picture(50), pictures.bytes];
        const listed = objects;
        objects = [];
        await rest();
        const later = [...pictures.painted.keys()];
        objects = listed;
        pictures.moveTo(50, 1);
        await until(() => pictures.isCurrent(50));
        return { cleared, later, shown: pictures.picture(50).width, errors };"""
    assert pictures(modules, body) == {"cleared": [None, 0], "later": [], "shown": 600, "errors": []}
