"""The windows of pictures and masks around the play head: what is fetched, in which order, and what is dropped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

FRAMES = """
    const { FrameCache, ENCODED_BYTES, DECODED_BYTES } = await load('media/frame_cache.js');
    const until = async holds => { while (!holds()) await new Promise(resume => setTimeout(resume, 5)); };
    const picture = async (width, height) => {
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext('2d').fillRect(0, 0, width, height);
      return canvas.convertToBlob({ type: 'image/jpeg' });
    };
"""
MASKS = """
    const { MaskCache, BLOCK, MOST_CHARACTERS } = await load('media/mask_cache.js');
    const mask = (object, frame, counts = '04', more = {}) =>
      ({ object, frame, rle: { size: [2, 2], counts }, origin: 'propagated', uncertainty: 0, box: null, ...more });
    const rest = () => new Promise(resume => setTimeout(resume, 20));
    const counts = (cache, frame) =>
      Object.fromEntries(cache.at(frame).map(each => [each.object, each.rle?.counts ?? null]));
"""


def test_the_open_frame_is_fetched_first_then_what_is_ahead(modules: Modules) -> None:
    body = """
        const asked = [], blob = await picture(16, 8);
        const cache = new FrameCache(async frame => { asked.push(frame); return blob; }, () => {}, () => {});
        cache.count = 1000;
        cache.moveTo(500, 1);
        await until(() => cache.blobs.size === 101);
        return { asked, edges: [Math.min(...asked), Math.max(...asked)] };"""
    found = modules.run(FRAMES + body)
    assert found["asked"][:5] == [500, 501, 499, 502, 498]
    assert found["edges"] == [490, 590]
    assert len(found["asked"]) == 101


def test_a_jump_gives_up_what_is_far_and_fetches_the_open_frame_at_once(modules: Modules) -> None:
    body = """
        const asked = [], aborted = [];
        const wait = (frame, signal) => new Promise((_, refuse) => {
          asked.push(frame);
          signal.addEventListener('abort', () => { aborted.push(frame); refuse(new DOMException('', 'AbortError')); });
        });
        const errors = [];
        const cache = new FrameCache(wait, () => {}, error => errors.push(String(error)));
        cache.count = 1000;
        cache.moveTo(500, 1);
        cache.moveTo(510, 1);
        const near = { asked: [...asked], aborted: [...aborted] };
        asked.length = aborted.length = 0;
        cache.moveTo(20, 1);
        return { near, asked: asked.slice(0, 1), aborted, errors };"""
    found = modules.run(FRAMES + body)
    assert found["near"] == {"asked": [500, 501, 499, 502, 510], "aborted": [499, 500]} or found["near"]["asked"][4] == 510
    assert found["asked"] == [20]
    assert len(found["aborted"]) == 4
    assert found["errors"] == []


def test_pictures_stay_within_their_bytes(modules: Modules) -> None:
    body = """
        const small = await picture(1600, 1000);
        // A blob of four MiB whose head is a picture.
        const blob = new Blob([small, new Uint8Array(4 * 2 ** 20 - small.size)]);
        const cache = new FrameCache(async () => blob, () => {}, () => {});
        cache.count = 1000;
        cache.moveTo(100, 1);
        let most = 0, mostDecoded = 0;
        for (let frame = 100; frame < 140; frame += 1) {
          cache.moveTo(frame, 1);
          await until(() => cache.bitmap(frame));
          most = Math.max(most, [...cache.blobs.values()].reduce((sum, each) => sum + each.size, 0));
          mostDecoded = Math.max(mostDecoded, [...cache.bitmaps.values()].reduce((sum, each) => sum + each.width * each.height * 4, 0));
        }
        return { most, mostDecoded, counted: cache.blobBytes, ENCODED_BYTES, DECODED_BYTES,
          held: [...cache.blobs.values()].reduce((sum, each) => sum + each.size, 0) };"""
    found = modules.run(FRAMES + body)
    assert 0 < found["most"] <= found["ENCODED_BYTES"]
    assert 0 < found["mostDecoded"] <= found["DECODED_BYTES"]
    assert found["counted"] == found["held"]


def test_a_broken_picture_is_told_and_fetched_again(modules: Modules) -> None:
    body = """
        const good = await picture(16, 8), errors = [];
        let calls = 0;
        const cache = new FrameCache(async () => (calls++ ? good : new Blob(['no picture'])), () => {}, error => errors.push(error.name));
        cache.count = 1;
        cache.moveTo(0, 1);
        await until(() => cache.bitmap(0));
        return { errors, calls, bytes: cache.blobBytes === good.size };"""
    assert modules.run(FRAMES + body) == {"errors": ["InvalidStateError"], "calls": 2, "bytes": True}


def test_masks_are_asked_for_by_block_and_the_next_block_ahead(modules: Modules) -> None:
    body = """
        const asked = [];
        const cache = new MaskCache(async (start, stop) => { asked.push([start, stop]); return { masks: [mask('Cat', start)] }; }, () => {}, () => {});
        cache.count = 150;
        cache.moveTo(70, 1); await rest();
        cache.moveTo(71, 1); await rest();
        cache.moveTo(69, -1); await rest();
        return { asked, counts: [counts(cache, 60), counts(cache, 61)], loading: cache.isLoading(60) };"""
    found = modules.run(MASKS + body)
    assert found == {"asked": [[60, 120], [120, 150], [0, 60]], "counts": [{"Cat": "04"}, {}], "loading": False}


def test_an_answer_does_not_undo_what_changed_since_it_was_asked_for(modules: Modules) -> None:
    body = """
        let answer;
        const cache = new MaskCache(() => new Promise(resume => { answer = resume; }), () => {}, () => {});
        cache.count = 60;
        cache.put([mask('Cat', 1, 'old'), mask('Cat', 2, 'old')]);
        cache.moveTo(0, 1);
        cache.replace(3, 'Cat', [mask('Cat', 3, 'clicked')]);
        cache.replace(4, 'Cat', []);
        cache.put([mask('Cat', 5, 'streamed')]);
        answer({ masks: [2, 3, 4, 5].flatMap(frame => [mask('Cat', frame, 'stored'), mask('Dog', frame, 'stored')]) });
        await rest();
        return [1, 2, 3, 4, 5].map(frame => counts(cache, frame));"""
    assert modules.run(MASKS + body) == [
        {},
        {"Cat": "stored", "Dog": "stored"},
        {"Cat": "clicked", "Dog": "stored"},
        {"Dog": "stored"},
        {"Cat": "streamed", "Dog": "stored"},
    ]


def test_the_newest_of_two_answers_counts(modules: Modules) -> None:
    body = """
        const answers = [];
        const cache = new MaskCache(() => new Promise(resume => answers.push(resume)), () => {}, () => {});
        cache.count = 60;
        cache.moveTo(0, 1);
        cache.invalidate();
        answers[1]({ masks: [mask('Cat', 0, 'new')] }); await rest();
        answers[0]({ masks: [mask('Cat', 0, 'old')] }); await rest();
        return counts(cache, 0);"""
    assert modules.run(MASKS + body) == {"Cat": "new"}


def test_a_forgotten_object_leaves_every_frame(modules: Modules) -> None:
    body = """
        const cache = new MaskCache(async () => ({ masks: [] }), () => {}, () => {});
        cache.put([mask('Cat', 0), mask('Dog', 0), mask('Cat', 900)]);
        cache.drop('Cat');
        const left = [counts(cache, 0), counts(cache, 900)];
        cache.drop(null);
        return [...left, counts(cache, 0), cache.size];"""
    assert modules.run(MASKS + body) == [{"Dog": "04"}, {}, {}, 0]


def test_masks_stay_within_their_characters_and_the_near_ones_stay(modules: Modules) -> None:
    body = """
        const cache = new MaskCache(async () => ({ masks: [] }), () => {}, () => {});
        cache.count = 20000;
        cache.moveTo(300, 1);
        const long = 'x'.repeat(MOST_CHARACTERS / 100);
        for (let frame = 0; frame < 20000; frame += 50) cache.put([mask('Cat', frame, long)]);
        const held = [...cache.blocks.values()].flatMap(block => [...block.frames.keys()]);
        return { size: cache.size, MOST_CHARACTERS, near: counts(cache, 300).Cat === long, far: counts(cache, 19950), frames: held.length };"""
    found = modules.run(MASKS + body)
    assert found["near"]
    assert found["far"] == {}
    assert 0 < found["size"] <= found["MOST_CHARACTERS"]
    assert 80 < found["frames"] < 100


def test_a_refused_read_of_masks_is_told_and_repeated(modules: Modules) -> None:
    body = """
        const errors = [];
        let calls = 0;
        const fetchMasks = async () => { calls += 1; if (calls === 1) throw new Error('refused'); return { masks: [mask('Cat', 0)] }; };
        const cache = new MaskCache(fetchMasks, () => {}, error => errors.push(error.message));
        cache.count = 60;
        cache.moveTo(0, 1);
        while (!cache.at(0).length) await rest();
        return { errors, calls };"""
    assert modules.run(MASKS + body) == {"errors": ["refused"], "calls": 2}


def pictures(modules: Modules, body: str) -> Any:
    """Runs with mask pictures of a 600 × 400 video with one object on 100 frames."""
    made = """
        const { MaskPictures, MOST_BYTES } = await load('media/mask_pictures.js');
        const { encode } = await load('media/rle.js');
        const bytes = new Uint8Array(600 * 400).fill(1, 600 * 100, 600 * 300);
        const { counts: stored } = encode(bytes, 400, 600);
        const masks = new MaskCache(async () => ({ masks: [] }), () => {}, () => {});
        masks.put([...Array(100).keys()].map(frame => mask('Cat', frame, stored, { rle: { size: [400, 600], counts: stored } })));
        let objects = [{ id: 'Cat', label: 'Cat', color: '#ff0000', visible: true, locked: false }];
        const painted = [], errors = [];
        const pictures = new MaskPictures(masks, () => objects, frame => painted.push(frame), error => errors.push(String(error)));
        const until = async holds => { while (!holds()) await rest(); };
    """
    return modules.run(MASKS + made + body)


def test_masks_are_painted_ahead_of_the_play_head_by_the_worker(modules: Modules) -> None:
    body = """
        pictures.moveTo(50, 1);
        await until(() => painted.length === 15);
        const canvas = new OffscreenCanvas(600, 400), context = canvas.getContext('2d');
        context.drawImage(pictures.picture(50), 0, 0);
        return { painted, errors, inside: [...context.getImageData(300, 200, 1, 1).data], outside: [...context.getImageData(300, 20, 1, 1).data],
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
          most = Math.max(most, [...pictures.painted.values()].reduce((sum, each) => sum + 600 * 400 * 4, 0));
        }
        await until(() => pictures.orders.size === 0);
        return { most, MOST_BYTES, counted: pictures.bytes, kept: pictures.painted.size };"""
    found = pictures(modules, body)
    assert found["most"] <= found["MOST_BYTES"]
    assert found["counted"] == found["kept"] * 600 * 400 * 4
    assert found["kept"] == found["MOST_BYTES"] // (600 * 400 * 4)
