"""Finding objects by a text: objects of the boxes, what is said, and what happens meanwhile."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Js, Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MADE = """
    const { Store } = await load('state/state.js');
    const { Notices } = await load('actions/notices.js');
    const { Changes } = await load('actions/changes.js');
    const { Prompts } = await load('actions/prompts.js');
    const { Finding } = await load('actions/finding.js');
    const { ApiError, ConnectionLost } = await load('server/errors.js');
    const store = new Store(), notices = new Notices(store);
    const asked = [], put = [];
    let refused = null, found = { detections: [], known: 0 }, answer = () => {};
    const waits = () => new Promise((resume) => { answer = resume; });
    let waiting = null;
    const transport = {
      detect: async (frame, text) => {
        asked.push([frame, text]);
        await waiting;
        if (refused) throw refused;
        return found;
      },
      setPrompt: async (frame, object, { label, box, points }) => {
        if (object === refusedObject) throw new ApiError(400, 'It was refused.', 'Do it otherwise.');
        put.push([frame, object, label, box, points.length]);
        const prompts = [...store.state.prompts, { object, frame, points: [], box, mask: null }];
        return { masks: [], prompts, objects: [{ id: object, label }], revision: 1 };
      },
    };
    let refusedObject = '';
    const changes = new Changes(store, notices, { back: async () => {} });
    const masks = { replace: () => {} };
    const prompts = new Prompts(transport, store, masks, changes, { soon: () => {} });
    const finding = new Finding(transport, store, prompts);
    store.act('opened', {
      user: 'a', video: { frame_count: 9, width: 2, height: 2, frame_rate: 25, times_s: null },
      labels: [{ name: 'Cat', color: '' }, { name: 'Red car', color: '' }], objects: [{ id: 'Cat', label: 'Cat' }],
      prompts: [], propagation: null, model: { version: '', is_demo: false, notice: '' }, cuts: [],
    });
    store.act('frame', 4);
    const box = (x) => ({ box: [x, 0, x + 0.1, 0.5], score: 0.9 });
    const said = () => store.state.notice && [store.state.notice.text, store.state.notice.wayOut];
"""


def run(modules: Modules, body: str) -> Js:
    return modules.run(MADE + body)


def test_each_box_becomes_an_object_of_the_label_that_is_called_like_the_text(modules: Modules) -> None:
    body = """
        found = { detections: [box(0), box(0.5)], known: 1 };
        await finding.find('  red CAR ');
        return { asked, put, said: said(), finding: store.state.finding };"""
    assert run(modules, body) == {
        "asked": [[4, "red CAR"]],
        "put": [[4, "Red car", "Red car", [0, 0, 0.1, 0.5], 0], [4, "Red car 2", "Red car", [0.5, 0, 0.6, 0.5], 0]],
        "said": [
            "Found on frame 5: 2 objects, Red car to Red car 2, for “red CAR”. One more is marked already.",
            "Forget those that are wrong.",
        ],
        "finding": False,
    }


def test_another_text_gives_objects_of_the_selected_objects_label(modules: Modules) -> None:
    body = """
        found = { detections: [box(0)], known: 0 };
        store.act('addObject', 'Red car');
        await finding.find('lorry');
        return { put, said: said() };"""
    assert run(modules, body) == {
        "put": [[4, "Red car 2", "Red car", [0, 0, 0.1, 0.5], 0]],
        "said": ["Found on frame 5: Red car 2 for “lorry”.", "Forget it if it is wrong."],
    }


def test_nothing_found_and_nothing_new_are_told_apart(modules: Modules) -> None:
    body = """
        const told = [];
        await finding.find('dog');
        told.push(said());
        found = { detections: [], known: 2 };
        await finding.find('cat');
        told.push(said());
        return { told, put };"""
    assert run(modules, body) == {
        "told": [
            ["Nothing like “dog” was found on frame 5.", "Use other words, or click the object."],
            ["Nothing new like “cat” is on frame 5. 2 more are marked already.", ""],
        ],
        "put": [],
    }


def test_while_it_searches_other_work_goes_on_and_the_boxes_are_of_its_frame(modules: Modules) -> None:
    body = """
        waiting = waits();
        found = { detections: [box(0)], known: 0 };
        const first = finding.find('cat');
        await finding.find('dog');
        const during = { asked: [...asked], finding: store.state.finding, busy: store.state.busy };
        store.act('frame', 7);
        answer();
        await first;
        return { during, put, frame: store.state.frame };"""
    assert run(modules, body) == {
        "during": {"asked": [[4, "cat"]], "finding": True, "busy": 0},
        "put": [[4, "Cat 2", "Cat", [0, 0, 0.1, 0.5], 0]],
        "frame": 7,
    }


def test_a_refusal_is_told_and_the_field_can_be_used_again(modules: Modules) -> None:
    body = """
        refused = new ApiError(503, 'There is no detector.', 'Ask for one.');
        await finding.find('cat');
        const told = said();
        refused = null;
        await finding.find('cat');
        return { told, finding: store.state.finding, asked: asked.length };"""
    assert run(modules, body) == {"told": ["There is no detector.", "Ask for one."], "finding": False, "asked": 2}


def test_a_box_that_is_refused_is_told_and_the_others_are_kept(modules: Modules) -> None:
    body = """
        found = { detections: [box(0), box(0.5)], known: 0 };
        refusedObject = 'Cat 3';
        await finding.find('cat');
        return { objects: put.map((each) => each[1]), said: said() };"""
    assert run(modules, body) == {"objects": ["Cat 2"], "said": ["It was refused.", "Do it otherwise."]}


def test_without_a_label_nothing_is_added_and_it_is_said(modules: Modules) -> None:
    body = """
        store.state = { ...store.state, labels: [], objects: [] };
        found = { detections: [box(0)], known: 0 };
        await finding.find('cat');
        return { put, said: said() };"""
    assert run(modules, body) == {"put": [], "said": ["The project has no labels.", "Add one to its label config."]}


def test_nothing_is_searched_without_words_or_in_anothers_masks(modules: Modules) -> None:
    body = """
        await finding.find('   ');
        store.act('look', 'bob');
        await finding.find('cat');
        return { asked, said: said()[1] };"""
    assert run(modules, body) == {"asked": [], "said": "Press Y to go back to your own."}
