"""Pictures of frames: what is fetched, in which order, what is dropped, what is fetched again."""

from __future__ import annotations

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
    assert (
        found["near"] == {"asked": [500, 501, 499, 502, 510], "aborted": [499, 500]} or found["near"]["asked"][4] == 510
    )
    assert found["asked"] == [20]
    assert len(found["aborted"]) == 4
    assert found["errors"] == []


def test_pictures_stay_within_their_bytes(modules: Modules) -> None:
    body = """
        const sum = (values, size) => [...values].reduce((total, each) => total + size(each), 0);
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
          most = Math.max(most, sum(cache.blobs.values(), each => each.size));
          const decoded = sum(cache.bitmaps.values(), each => each.width * each.height * 4);
          mostDecoded = Math.max(mostDecoded, decoded);
        }
        return { most, mostDecoded, counted: cache.blobBytes, ENCODED_BYTES, DECODED_BYTES,
          held: sum(cache.blobs.values(), each => each.size) };"""
    found = modules.run(FRAMES + body)
    assert 0 < found["most"] <= found["ENCODED_BYTES"]
    assert 0 < found["mostDecoded"] <= found["DECODED_BYTES"]
    assert found["counted"] == found["held"]


def test_a_broken_picture_is_told_and_fetched_again(modules: Modules) -> None:
    body = """
        const good = await picture(16, 8), errors = [];
        let calls = 0;
        const fetchPicture = async () => (calls++ ? good : new Blob(['no picture']));
        const cache = new FrameCache(fetchPicture, () => {}, error => errors.push(error.name));
        cache.count = 1;
        cache.moveTo(0, 1);
        await until(() => cache.bitmap(0));
        return { errors, calls, bytes: cache.blobBytes === good.size };"""
    assert modules.run(FRAMES + body) == {"errors": ["InvalidStateError"], "calls": 2, "bytes": True}
