"""Changes in order and over a lost connection, notices, the event stream, propagations and review."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Js, Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MADE = """
    const { Store } = await load('state/state.js');
    const { Notices } = await load('actions/notices.js');
    const { Changes } = await load('actions/changes.js');
    const { Connection } = await load('server/connection.js');
    const { ApiError, ConnectionLost } = await load('server/errors.js');
    const { Propagation } = await load('actions/propagation.js');
    const { Review } = await load('actions/review.js');
    const { Prompts } = await load('actions/prompts.js');
    const { MaskCache } = await load('media/mask_cache.js');
    const store = new Store(), notices = new Notices(store);
    const asked = [];
    let answers = true;
    const call = (name, answer) => async (...given) => {
      if (!answers) { transport.onReach(false); throw new ConnectionLost(); }
      transport.onReach(true);
      asked.push([name, ...given]);
      return typeof answer === 'function' ? answer(...given) : answer;
    };
    const job = { id: 'p-1', state: 'running', done: 0, total: 9, frames_per_s: null, detail: '', start: 0, stop: 9 };
    const edit = () => ({ masks: [], prompts: store.state.prompts, objects: store.state.objects, revision: 1 });
    const transport = {
      ping: call('ping'), approve: call('approve', edit), setPrompt: call('setPrompt', edit),
      forget: call('forget', edit), propagate: call('propagate', job),
      stop: call('stop', { ...job, state: 'cancelled' }),
      follow: (cursor, on) => { transport.on = on; return () => {}; },
    };
    const backs = [];
    const connection = new Connection(transport, store, () => backs.push(store.state.busy));
    const changes = new Changes(store, notices, connection);
    const masks = new MaskCache(async () => ({ masks: [] }), () => {}, () => {});
    const timeline = { soon: () => {} };
    const actions = [transport, store, masks, changes, timeline];
    const prompts = new Prompts(...actions), propagation = new Propagation(...actions), review = new Review(...actions);
    const prompt = (object, frame) => ({ object, frame, points: [[0.5, 0.5, 1]], box: null, mask: null });
    store.act('opened', {
      user: 'a', video: { frame_count: 100, width: 2, height: 2, frame_rate: 25, times_s: null },
      labels: [{ name: 'Cat', color: '' }, { name: 'Dog', color: '' }],
      objects: [{ id: 'Cat', label: 'Cat' }, { id: 'Dog', label: 'Dog' }],
      prompts: [prompt('Cat', 0), prompt('Dog', 5)],
      propagation: null, model: { version: '', is_demo: false, notice: '' }, cuts: [],
    });
    const said = () => {
      const { notice } = store.state;
      return notice && [notice.text, notice.wayOut, notice.kind];
    };
"""


def run(modules: Modules, body: str, argument: object = None) -> Js:
    return modules.run(MADE + body, argument)


def test_changes_wait_for_a_lost_connection_and_are_sent_in_order(modules: Modules) -> None:
    body = """
        answers = false;
        review.approve();
        store.act('frame', 7);
        review.approve();
        await new Promise(resume => setTimeout(resume, 100));
        const lost = [store.state.connected, store.state.busy, asked.length];
        answers = true;
        await changes.queue;
        return { lost, asked: asked.filter(each => each[0] === 'approve'),
          back: [store.state.connected, store.state.busy, backs.length] };"""
    assert run(modules, body) == {
        "lost": [False, 2, 0],
        "asked": [["approve", {"object": None, "start": frame, "stop": frame + 1}] for frame in (0, 7)],
        "back": [True, 0, 1],
    }


def test_a_refused_change_is_said_until_the_next_success(modules: Modules) -> None:
    body = """
        changes.add(async () => { throw new ApiError(400, 'a box is too small', 'Draw it larger.'); });
        await changes.queue;
        const refused = said();
        notices.succeed('frames');
        const kept = said();
        changes.add(async () => {});
        await changes.queue;
        return [refused, kept, said()];"""
    sentence = ["a box is too small", "Draw it larger.", "error"]
    assert run(modules, body) == [sentence, sentence, None]


def test_what_failed_in_the_background_is_taken_back_when_it_succeeds(modules: Modules) -> None:
    body = """
        notices.fail(new ApiError(502, 'no worker', 'Start one.'), 'frames');
        const failed = said();
        notices.fail(new ConnectionLost(), 'masks');
        const kept = said();
        notices.succeed('frames');
        return [failed, kept, said()];"""
    assert run(modules, body) == [["no worker", "Start one.", "error"]] * 2 + [None]


@pytest.mark.parametrize(
    ("setting", "objects"),
    [
        ("", None),
        ("store.act('set', { onlySelected: true });", ["Cat"]),
        ("store.act('changeObject', { id: 'Cat', locked: true });", ["Dog"]),
        ("store.act('addObject', 'Dog'); store.act('set', { onlySelected: true });", "Dog 2 is not marked yet."),
        (
            "for (const id of ['Cat', 'Dog']) store.act('changeObject', { id, locked: true });",
            "All marked objects are locked.",
        ),
        ("store.act('prompted', { prompts: [] });", "Nothing is marked yet."),
    ],
)
def test_the_objects_that_are_propagated(modules: Modules, setting: str, objects: list[str] | str | None) -> None:
    body = f"""{setting}
        store.act('frame', 4);
        propagation.start('forward', 15);
        await changes.queue;
        return asked.length ? asked[0][1] : store.state.notice.text;"""
    body_sent = {"start": 4, "direction": "forward", "count": 15, "objects": objects, "skip": 0}
    assert run(modules, body) == (objects if isinstance(objects, str) else body_sent)


def test_a_propagation_skips_the_frames_of_the_setting(modules: Modules) -> None:
    body = """
        store.act('set', { skip: 4 });
        propagation.start('forward', 15);
        store.act('set', { skip: 0 });
        await changes.queue;
        return asked.filter(([name]) => name === 'propagate').map(([, body]) => body.skip);"""
    assert run(modules, body) == [4]


def test_a_propagation_stops_where_a_mask_is_uncertain(modules: Modules) -> None:
    body = """
        propagation.start('forward', null, 0.5);
        await changes.queue;
        const mask = (frame, uncertainty) =>
          ({ object: 'Dog', frame, rle: null, origin: 'propagated', uncertainty, box: null });
        transport.on.masks([mask(1, 0.4)], 'a');
        transport.on.masks([mask(2, 0.6), mask(3, 0.9)], 'b');
        await Promise.resolve();
        return [asked.map(each => each[0]), store.state.frame, store.state.selected, said()[0], masks.at(3).length];"""
    assert run(modules, body) == [["propagate", "stop"], 2, "Dog", "Dog is uncertain here.", 1]


def test_a_failed_propagation_says_why(modules: Modules) -> None:
    body = """
        propagation.follow();
        transport.on.job({ ...job, state: 'failed', detail: 'the file ends early' });
        const failed = said();
        transport.on.job({ ...job, state: 'running' });
        return [failed, said()];"""
    assert run(modules, body) == [["the file ends early", "Ask again.", "error"], None]


def test_a_range_is_approved_in_either_direction(modules: Modules) -> None:
    body = """
        review.approveRange();
        const none = said()[0];
        store.act('frame', 30); review.markRange();
        store.act('frame', 12); review.approveRange();
        await changes.queue;
        store.act('frame', 3); review.markRange(); review.markRange();
        return [none, asked, store.state.rangeStart];"""
    approved = [["approve", {"object": None, "start": 12, "stop": 31}]]
    assert run(modules, body) == ["No range is started.", approved, None]


@pytest.mark.parametrize(("frame", "reached"), [(0, [40, 10, 70, 40]), (10, [70, 40, 10, 70]), (99, [40, 10, 70, 40])])
def test_uncertain_frames_come_in_the_order_of_gain(modules: Modules, frame: int, reached: list[int]) -> None:
    body = """
        const next = [40, 10, 70].map((frame, position) => ({ frame, object: 'Dog', gain: 3 - position }));
        store.act('timeline', { objects: {}, next_uncertain: next });
        store.act('frame', argument);
        return [1, 2, 3, 4].map(() => { review.toUncertainFrame(); return store.state.frame; });"""
    assert run(modules, body, frame) == reached


def test_a_verdict_is_given_commented_and_taken_back(modules: Modules) -> None:
    body = """
        const { html, render } = await load('vendor/htm-preact.js');
        const { VerdictFields } = await load('view/verdict.js');
        const place = document.querySelector('main');
        transport.setVerdict = call('setVerdict', (object, given) =>
          ({ verdicts: given ? [{ object, ...given, is_outdated: true }] : [] }));
        const show = () => {
          const fields = html`<${VerdictFields} state=${store.state} parts=${{ review }} object="Cat" />`;
          render(fields, place);
        };
        const enter = async (selector, value) => {
          place.querySelector(selector).value = value;
          place.querySelector(selector).dispatchEvent(new Event('change'));
          await changes.queue;
          show();
        };
        show();
        const without = place.childElementCount;
        store.act('verdicts', []);
        show();
        await enter('select', 'redo');
        await enter('input', 'the tail is missing');
        const outdated = place.querySelector('.outdated').textContent;
        await enter('select', '');
        return { without, outdated, asked: asked.map(each => each.slice(1)), left: place.querySelector('input') };"""
    assert run(modules, body) == {
        "without": 0,
        "outdated": "The masks have changed since.",
        "asked": [
            ["Cat", {"verdict": "redo", "comment": ""}],
            ["Cat", {"verdict": "redo", "comment": "the tail is missing"}],
            ["Cat", None],
        ],
        "left": None,
    }


def test_human_frames_before_and_after(modules: Modules) -> None:
    body = """
        const reach = step => { review.toHumanFrame(step); return [store.state.frame, said()?.[0] ?? null]; };
        return [reach(1), reach(1), reach(-1)];"""
    assert run(modules, body) == [[5, None], [5, "There is no such frame."], [0, "There is no such frame."]]


def test_a_locked_object_is_not_changed(modules: Modules) -> None:
    body = """
        store.act('changeObject', { id: 'Cat', locked: true });
        const tries = [
          () => prompts.point([0.1, 0.1, 1]), () => prompts.deletePrompt(),
          () => prompts.forget('Cat'), () => prompts.forget(null),
        ];
        return [tries.map(attempt => { notices.dismiss(); attempt(); return said()[0]; }), asked];"""
    assert run(modules, body) == [["Cat is locked."] * 4, []]


def test_prompts_are_built_on_the_newest_prompt_and_taken_back(modules: Modules) -> None:
    body = """
        transport.setPrompt = async (frame, object, sent) => {
          asked.push(sent && sent.points);
          const others = store.state.prompts.filter(each => each.object !== object || each.frame !== frame);
          return { ...edit(), prompts: sent ? [...others, { object, frame, ...sent }] : others };
        };
        prompts.point([0.1, 0.1, 1]); prompts.point([0.2, 0.2, 0]);
        await changes.queue;
        prompts.movePoint({ object: 'Cat', frame: 0, point: 1 }, 0.3, 0.3);
        await changes.queue;
        prompts.undo(); prompts.undo(); prompts.redo();
        await changes.queue;
        return asked;"""
    first, second, third = [0.5, 0.5, 1], [0.1, 0.1, 1], [0.2, 0.2, 0]
    assert run(modules, body) == [
        [first, second],
        [first, second, third],
        [first, [0.3, 0.3, 1], third],
        [first, second, third],
        [first, second],
        [first, second, third],
    ]


def test_a_stream_goes_on_from_its_last_cursor_after_it_ended_or_was_refused(modules: Modules) -> None:
    masks: dict[str, object] = {"masks": [], "cursor": "c1"}
    modules.streams.prepare([("masks", masks)], None, [("masks", {**masks, "cursor": "c2"}), ("end", {})])
    body = """
        const { Stream } = await load('server/stream.js');
        const seen = [];
        await new Promise(end => new Stream(cursor => `/stream?cursor=${cursor}`, '', {
          job: () => {}, problem: () => {}, masks: (masks, cursor) => seen.push(cursor), end,
        }, async () => { seen.push('signed in'); }));
        return seen;"""
    assert modules.run(body) == ["c1", "signed in", "c2"]
    assert modules.streams.cursors == ["", "", "c1"]
