"""The mask under the mouse: one call at a time, then for the newest place; nothing where it does not belong."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MADE = """
    const { Store } = await load('state/state.js');
    const { Hover } = await load('actions/hover.js');
    const store = new Store(), asked = [], shown = [], waiting = [];
    const transport = { hover: (wanted) => {
      asked.push(wanted.point[0]);
      const mask = { place: wanted.point[0] };
      return new Promise((done, refuse) => waiting.push({ done: () => done({ masks: [mask] }), refuse }));
    } };
    const hover = new Hover(transport, store, (mask) => shown.push(mask && mask.place));
    store.act('opened', {
      user: 'a', video: { frame_count: 9, width: 2, height: 2, frame_rate: 25, times_s: null },
      labels: [{ name: 'Cat', color: '' }], objects: [{ id: 'Cat', label: 'Cat' }],
      prompts: [], propagation: null, model: { version: '', is_demo: false, notice: '' }, cuts: [],
    });
    const over = (x) => { void hover.over(x === null ? null : [x, 0.5, 1]); };
    const answer = async (what = 'done') => {
      waiting.shift()[what]();
      await new Promise(resume => setTimeout(resume, 10));
    };
"""


def test_the_newest_place_is_asked_after_the_call_under_way(modules: Modules) -> None:
    body = """
        for (const x of [0.1, 0.2, 0.3]) over(x);
        const during = [...asked];
        await answer();
        await answer();
        return { during, asked, shown, left: waiting.length };"""
    assert modules.run(MADE + body) == {"during": [0.1], "asked": [0.1, 0.3], "shown": [0.1, 0.3], "left": 0}


def test_a_mask_of_another_frame_or_of_a_left_picture_is_not_shown(modules: Modules) -> None:
    body = """
        over(0.1);
        store.act('frame', 3);
        await answer();
        over(0.2);
        over(null);
        await answer();
        return { asked, shown };"""
    assert modules.run(MADE + body) == {"asked": [0.1, 0.2], "shown": [None, None, None]}


def test_a_refused_place_is_not_asked_again_until_the_mouse_moves(modules: Modules) -> None:
    body = """
        over(0.1);
        await answer('refuse');
        await new Promise(resume => setTimeout(resume, 500));
        const before = [...asked];
        over(0.2);
        await answer();
        return { before, asked, shown };"""
    assert modules.run(MADE + body) == {"before": [0.1], "asked": [0.1, 0.2], "shown": [None, 0.2]}


def test_a_locked_object_is_not_asked_for(modules: Modules) -> None:
    body = """
        store.act('changeObject', { id: 'Cat', locked: true });
        over(0.1);
        await new Promise(resume => setTimeout(resume, 10));
        return { asked, shown };"""
    assert modules.run(MADE + body) == {"asked": [], "shown": [None]}
