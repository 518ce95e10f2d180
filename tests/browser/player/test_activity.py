"""Beats of activity: few, after input only, and only of a visible tab."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MADE = """
    const { Activity, BEAT_MS } = await load('actions/activity.js');
    const sent = [];
    let now = 0, visible = true, fails = false;
    const transport = { beat: async object => { sent.push([now / BEAT_MS, object]); if (fails) throw new Error(); } };
    const store = { state: { selected: 'Cat' } };
    const activity = new Activity(transport, store, { now: () => now, isVisible: () => visible });
"""


def test_input_is_told_once_a_beat(modules: Modules) -> None:
    body = """
        for (; now <= 2.5 * BEAT_MS; now += BEAT_MS / 4) activity.touch();
        store.state = { selected: '' };
        fails = true;
        now = 9 * BEAT_MS;
        activity.touch();
        return sent;"""
    assert modules.run(MADE + body) == [[0, "Cat"], [1, "Cat"], [2, "Cat"], [9, None]]


def test_a_hidden_tab_tells_nothing_but_what_came_before(modules: Modules) -> None:
    body = """
        activity.listen(window);
        window.dispatchEvent(new KeyboardEvent('keydown', { key: 'a' }));
        now = BEAT_MS / 2;
        window.dispatchEvent(new PointerEvent('pointermove'));
        visible = false;
        document.dispatchEvent(new Event('visibilitychange'));
        now = 5 * BEAT_MS;
        activity.touch();
        return sent;"""
    assert modules.run(MADE + body) == [[0, "Cat"], [0.5, "Cat"]]
