"""The page's state: ids, colours and actions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LABELS = [
    {"name": "Cat", "color": "#e6194b"},
    {"name": "Dog", "color": "#3cb44b"},
    {"name": "Bird", "color": "#e6194b"},
]
TASK = {
    "project": 1,
    "task": 2,
    "user": "a@b.org",
    "video": {"frame_count": 40, "width": 64, "height": 48, "frame_rate": 25, "times_s": None},
    "labels": LABELS,
    "objects": [{"id": "Cat", "label": "Cat"}],
    "prompts": [{"object": "Cat", "frame": 3, "points": [[0.5, 0.5, 1]], "box": None, "mask": None}],
    "propagation": None,
    "model": {"version": "v", "is_demo": False, "notice": ""},
    "cuts": [],
    "revision": 1,
    "shared_masks": False,
}


def acted(modules: Modules, *actions: list[Any]) -> dict[str, Any]:
    """The state of an opened task after some actions."""
    body = """const { Store } = await load('state/state.js');
        const store = new Store();
        for (const [name, value] of argument) store.act(name, value);
        return store.state;"""
    state: dict[str, Any] = modules.run(body, [["opened", TASK], *actions])
    return state


@pytest.mark.parametrize(
    ("taken", "free"),
    [([], "Cat"), (["Dog"], "Cat"), (["Cat"], "Cat 2"), (["Cat", "Cat 2", "Cat 4"], "Cat 3"), (["Cat 2"], "Cat")],
)
def test_the_next_free_id(modules: Modules, taken: list[str], free: str) -> None:
    body = "const { freeId } = await load('state/objects.js'); return freeId('Cat', argument);"
    assert modules.run(body, taken) == free


def test_no_two_of_forty_objects_have_one_colour(modules: Modules) -> None:
    state = acted(modules, *[["addObject", LABELS[number % 3]["name"]] for number in range(40)])
    colors = [each["color"] for each in state["objects"]]
    assert len(colors) == len(set(colors)) == 41
    assert all(len(color) == 7 and int(color[1:], 16) >= 0 for color in colors)


def test_the_first_object_of_a_label_has_its_colour_unless_another_has_it(modules: Modules) -> None:
    state = acted(modules, ["addObject", "Dog"], ["addObject", "Bird"])
    assert [each["color"] for each in state["objects"]][:2] == ["#e6194b", "#3cb44b"]
    assert state["objects"][2]["color"] not in ("#e6194b", "#3cb44b")


@pytest.mark.parametrize(("wanted", "opened"), [(7, 7), (-3, 0), (40, 39), (1e9, 39), (12.4, 12)])
def test_the_frame_stays_inside_the_video(modules: Modules, wanted: float, opened: int) -> None:
    assert acted(modules, ["frame", wanted])["frame"] == opened


def test_an_opened_task_selects_its_first_object(modules: Modules) -> None:
    state = acted(modules)
    assert (state["selected"], state["ready"], state["user"]) == ("Cat", True, "a@b.org")


def test_an_object_without_a_prompt_stays_when_another_is_marked(modules: Modules) -> None:
    answer = {"prompts": TASK["prompts"], "objects": TASK["objects"]}
    state = acted(modules, ["addObject", "Dog"], ["addObject", "Bird"], ["select", "Cat"], ["prompted", answer])
    assert [each["id"] for each in state["objects"]] == ["Cat", "Dog", "Bird"]


def test_an_object_that_lost_its_prompts_elsewhere_goes(modules: Modules) -> None:
    state = acted(modules, ["addObject", "Dog"], ["prompted", {"prompts": [], "objects": []}])
    assert [each["id"] for each in state["objects"]] == ["Dog"]


def test_an_answer_keeps_the_pages_colours_and_switches(modules: Modules) -> None:
    answer = {"prompts": [], "objects": [{"id": "Cat", "label": "Dog"}]}
    state = acted(modules, ["changeObject", {"id": "Cat", "color": "#123456", "locked": True}], ["prompted", answer])
    assert state["objects"] == [{"id": "Cat", "label": "Dog", "color": "#123456", "visible": True, "locked": True}]


@pytest.mark.parametrize(
    ("before_reload", "locked"),
    [
        ("lock(true);", [True]),
        ("lock(true); lock(false);", [False]),
        ("lock(true); store.act('removeObject', 'Cat');", [False]),
        ("localStorage.setItem('masklet locks 1 2 a@b.org', '{');", [False]),
    ],
)
def test_a_lock_outlives_the_page(modules: Modules, before_reload: str, locked: list[bool]) -> None:
    body = f"""const {{ Store }} = await load('state/state.js');
        const {{ keepLocks }} = await load('actions/locks.js');
        localStorage.clear();
        const open = () => {{
          const store = new Store();
          store.act('opened', argument);
          keepLocks(store, argument);
          return store;
        }};
        const store = open();
        const lock = locked => store.act('changeObject', {{ id: 'Cat', locked }});
        {before_reload}
        return open().state.objects.map(each => each.locked);"""
    assert modules.run(body, TASK) == locked


def test_the_next_object_is_selected_when_the_selected_one_goes(modules: Modules) -> None:
    state = acted(modules, ["addObject", "Dog"], ["removeObject", "Dog"])
    assert (state["selected"], len(state["objects"])) == ("Cat", 1)


def test_another_frame_ends_the_choice_of_a_prompt(modules: Modules) -> None:
    chosen = ["selectPrompt", {"object": "Cat", "frame": 0, "point": 0}]
    assert acted(modules, chosen)["selectedPrompt"] == chosen[1]
    assert acted(modules, chosen, ["frame", 5])["selectedPrompt"] is None


def test_human_frames_are_those_of_prompts_and_of_lanes(modules: Modules) -> None:
    lane = {"present": [[0, 40]], "absent": [], "human": [9, 1], "uncertainty": []}
    body = """const { Store, humanFrames } = await load('state/state.js');
        const store = new Store();
        store.act('opened', argument.task);
        store.act('timeline', { objects: { Cat: argument.lane }, next_uncertain: [] });
        return humanFrames(store.state);"""
    assert modules.run(body, {"task": TASK, "lane": lane}) == [1, 3, 9]


def test_anothers_objects_come_by_number_in_colours_of_their_own(modules: Modules) -> None:
    read = {"user": "b", "answer": {"objects": {"Cat 10": {}, "Cat 2": {}, "Cat": {}}, "next_uncertain": []}}
    state = acted(modules, ["look", "b"], ["lookedTimeline", {**read, "user": "c"}], ["lookedTimeline", read])
    objects = state["looked"]["objects"]
    assert [each["id"] for each in objects] == ["Cat", "Cat 2", "Cat 10"]
    assert objects[0]["color"] == state["objects"][0]["color"]
    assert len({each["color"] for each in objects}) == 3
    assert state["looked"]["selected"] == "Cat"


def test_a_listener_that_acts_leaves_no_listener_behind(modules: Modules) -> None:
    body = """const { Store } = await load('state/state.js');
        const store = new Store(), seen = [];
        store.listen(state => { if (state.speed === 2) store.act('set', { speed: 4 }); });
        store.listen(state => seen.push(state.speed));
        store.act('set', { speed: 2 });
        return seen.at(-1);"""
    assert modules.run(body) == 4


@pytest.mark.parametrize(
    ("search", "task"),
    [
        ("?project=7&task=12", {"project": 7, "task": 12}),
        (
            "?project=7&field=clip&value=/data/a b.mp4?x=1&y=2",
            {"project": 7, "field": "clip", "value": "/data/a b.mp4?x=1&y=2"},
        ),
        ("?project=7&value=a%20b", {"project": 7, "field": "video", "value": "a b"}),
        ("?task=12", "The address names no project."),
        ("?project=7", "The address names no task."),
        ("?project=-1&task=2", "The address names no project."),
    ],
)
def test_the_task_that_an_address_names(modules: Modules, search: str, task: dict[str, Any] | str) -> None:
    body = """const { addressedTask } = await load('server/address.js');
        try { return addressedTask(argument); } catch (error) { return error.message; }"""
    assert modules.run(body, search) == task


def test_the_status_line_names_frame_and_objects(modules: Modules) -> None:
    body = """const { Store } = await load('state/state.js');
        const { description } = await load('view/announcer.js');
        const store = new Store();
        store.act('opened', argument);
        store.act('addObject', 'Dog');
        store.act('addObject', 'Bird');
        store.act('changeObject', { id: 'Bird', visible: false });
        const mask = { object: 'Cat', frame: 0, rle: null, origin: 'propagated', uncertainty: 0.624, box: null };
        return description(store.state, [mask]);"""
    assert modules.run(body, TASK) == "Frame 1 of 40: Cat absent, uncertainty 62 %, Dog has no mask."


def test_what_a_crowd_tells_is_closed_until_the_task_is_opened_again(modules: Modules) -> None:
    told = {**TASK, "note": 'Redo 1 of 3. A verifier says: redo "the tail".'}
    assert acted(modules)["note"] == ""
    assert acted(modules, ["opened", told])["note"] == told["note"]
    assert acted(modules, ["opened", told], ["closeNote", None])["note"] == ""
    assert acted(modules, ["opened", told], ["closeNote", None], ["opened", told])["note"] == told["note"]
