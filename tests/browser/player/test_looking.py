"""Looking at the masks of another person: what is shown, what is refused meanwhile, and what of one's own is kept."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Js, Modules
from tests.browser.player.test_actions import MADE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LOOKING = """
    const { Looking } = await load('actions/looking.js');
    const { ShownMasks } = await load('media/shown_masks.js');
    const { shown } = await load('state/shown.js');
    const person = user => ({ user, objects: 1, human_frames: 0, is_you: user === 'a' });
    const lane = { present: [[0, 9]], absent: [], human: [4], uncertainty: [] };
    const others = { objects: { Cat: lane, Bird: lane }, next_uncertain: [{ frame: 7, object: 'Bird', gain: 1 }] };
    const mask = (object, frame, counts) =>
      ({ object, frame, rle: { size: [2, 2], counts }, origin: 'propagated', uncertainty: 0, box: null });
    Object.assign(transport, {
      users: call('users', { users: ['a', 'bob', 'cem'].map(person) }),
      timeline: call('timeline', others),
      masks: call('masks', (start, stop, user) => ({ masks: [mask('Cat', start, user)] })),
    });
    masks.count = 100;
    masks.put([mask('Cat', 0, 'own')]);
    let isDrawing = false;
    const shownMasks = new ShownMasks(masks);
    const looking = new Looking(transport, store, shownMasks, notices, () => {}, () => isDrawing);
    looking.isAllowed = true;
    const rest = () => new Promise(resume => setTimeout(resume, 20));
    const look = async user => { looking.look(user); shownMasks.moveTo(store.state.frame, 1); await rest(); };
    const counts = () => shownMasks.at(0).map(each => each.rle.counts);
    const refused = status => { throw new ApiError(status, 'It is off.', 'Ask for it.'); };
"""


def run(modules: Modules, body: str, argument: object = None) -> Js:
    return modules.run(MADE + LOOKING + body, argument)


def test_anothers_objects_and_masks_are_shown_in_place_of_ones_own(modules: Modules) -> None:
    body = """
        const own = store.state;
        await look('bob');
        store.act('select', 'Bird');
        store.act('changeObject', { id: 'Cat', visible: false });
        review.toUncertainFrame();
        const seen = shown(store.state);
        const parts = [seen.objects.map(each => [each.id, each.visible]), seen.prompts, seen.selected,
          Object.keys(seen.lanes), counts()];
        const colors = [shown(store.state), own].map(each => each.objects.find(({ id }) => id === 'Cat').color);
        looking.back();
        const now = shown(store.state);
        return { parts, isOneColor: colors[0] === colors[1], frame: now.frame, isKept: now.objects === own.objects
          && now.prompts === own.prompts && now.selected === own.selected, counts: counts(),
          asked: asked.filter(each => each[0] !== 'users') };"""
    assert run(modules, body) == {
        "parts": [[["Bird", True], ["Cat", False]], [], "Bird", ["Cat", "Bird"], ["bob"]],
        "isOneColor": True,
        "frame": 7,
        "isKept": True,
        "counts": ["own"],
        "asked": [["timeline", "bob"], ["masks", 0, 60, "bob"], ["masks", 60, 100, "bob"]],
    }


def test_every_change_is_refused_meanwhile(modules: Modules) -> None:
    body = """
        store.act('set', { rangeStart: 2 });
        review.changes.add(async () => {});
        prompts.point([0.1, 0.1, 1]);
        await changes.queue;
        await look('bob');
        asked.length = 0;
        const tries = [
          () => prompts.point([0.1, 0.1, 1]), () => prompts.box([0, 0, 1, 1]), () => prompts.deletePrompt(),
          () => prompts.undo(), () => prompts.redo(), () => prompts.forget('Cat'), () => prompts.forget(null),
          () => prompts.rename('Cat', 'Dog'), () => propagation.start('forward', 15), () => review.approve(),
          () => review.markRange(), () => review.approveRange(), () => review.judge('Cat', 'redo', ''),
        ];
        const sentences = tries.map(attempt => { notices.dismiss(); attempt(); return said()?.join(' '); });
        await changes.queue;
        const { rangeStart } = store.state;
        looking.back();
        prompts.undo();
        await changes.queue;
        return { sentences, rangeStart, left: said(), asked: asked.map(each => each[0]) };"""
    sentence = "These masks are to look at only: they are those of bob. Press Y to go back to your own. info"
    assert run(modules, body) == {
        "sentences": [sentence] * 13,
        "rangeStart": 2,
        "left": None,
        "asked": ["users", "setPrompt"],
    }


def test_a_change_that_waits_is_sent_while_another_is_looked_at(modules: Modules) -> None:
    body = """
        transport.approve = call('approve', () => ({ ...edit(), masks: [mask('Cat', 0, 'approved')] }));
        answers = false;
        review.approve();
        await rest();
        await look('bob');
        answers = true;
        await changes.queue;
        looking.back();
        return [counts(), asked.filter(each => each[0] === 'approve').length, store.state.busy];"""
    assert run(modules, body) == [["approved"], 1, 0]


def test_the_next_person_comes_in_the_lists_order_and_oneself_at_last(modules: Modules) -> None:
    body = """
        const reached = [];
        for (let turn = 0; turn < 4; turn += 1) {
          await looking.next();
          reached.push(store.state.looked?.user ?? null);
        }
        return reached;"""
    assert run(modules, body) == ["bob", "cem", None, "bob"]


def test_where_people_see_nobody_elses_masks_nothing_is_said_until_it_is_asked_for(modules: Modules) -> None:
    body = """
        looking.isAllowed = false;
        looking.refresh();
        await rest();
        const opened = [store.state.people, said()];
        await looking.next();
        return [...opened, said(), asked.length];"""
    sentence = ["There are no masks of other people to look at.", "", "info"]
    assert run(modules, body) == [[], None, sentence, 0]


def test_a_permission_that_ends_leads_back_to_ones_own_masks(modules: Modules) -> None:
    body = """
        await looking.next();
        transport.timeline = call('timeline', () => refused(403));
        await rest();
        looking.refresh();
        await rest();
        return [store.state.looked, store.state.people, said(), counts()];"""
    assert run(modules, body) == [None, [], ["It is off.", "Ask for it.", "error"], ["own"]]


def test_a_failed_read_is_said_and_taken_back_when_it_succeeds(modules: Modules) -> None:
    body = """
        transport.timeline = call('timeline', () => refused(503));
        await look('bob');
        const failed = [said(), store.state.looked.user];
        transport.timeline = call('timeline', others);
        looking.refresh();
        await rest();
        return [...failed, said(), shown(store.state).objects.length];"""
    assert run(modules, body) == [["It is off.", "Ask for it.", "error"], "bob", None, 2]


def test_what_is_being_drawn_is_finished_first(modules: Modules) -> None:
    body = """
        isDrawing = true;
        await look('bob');
        return [store.state.looked, said()[0]];"""
    assert run(modules, body) == [None, "Something is being drawn."]


def test_a_refresh_shows_what_the_other_has_done_since(modules: Modules) -> None:
    body = """
        await look('bob');
        transport.masks = async () => ({ masks: [mask('Cat', 0, 'newer')] });
        looking.refresh();
        await rest();
        return counts();"""
    assert run(modules, body) == ["newer"]


def test_ones_own_uncertain_mask_is_told_and_moves_nothing(modules: Modules) -> None:
    body = """
        propagation.start('forward', null, 0.5);
        await changes.queue;
        await look('bob');
        transport.on.masks([{ ...mask('Dog', 5, 'x'), uncertainty: 0.9 }], 'a');
        await rest();
        return [store.state.frame, store.state.looked.user, said()[0], asked.some(each => each[0] === 'stop')];"""
    assert run(modules, body) == [0, "bob", "Your Dog is uncertain on frame 6.", True]


def test_the_page_says_whose_masks_it_shows_and_offers_the_way_back(modules: Modules) -> None:
    body = """
        const { html, render } = await load('vendor/htm-preact.js');
        const { ObjectList } = await load('view/object_list.js');
        const { PropagationBar } = await load('view/propagation_bar.js');
        const { description } = await load('view/announcer.js');
        const stage = { canvas: document.createElement('canvas') };
        const parts = { store, prompts, propagation, review, looking, stage };
        const place = document.querySelector('main');
        const show = () => render(html`<${ObjectList} state=${shown(store.state)} parts=${parts} />
          <${PropagationBar} state=${shown(store.state)} parts=${parts} />`, place);
        show();
        const alone = place.querySelector('.whose');
        looking.refresh();
        await rest();
        show();
        const options = [...place.querySelectorAll('.whose option')].map(each => each.textContent);
        const select = place.querySelector('.whose select');
        select.selectedIndex = 2;
        select.dispatchEvent(new Event('change'));
        await rest();
        show();
        const looked = [store.state.looked.user, place.querySelector('.looking strong').textContent,
          place.querySelectorAll('[aria-label^="Forget"], [aria-label^="Lock"]').length,
          place.querySelectorAll('li').length, description(shown(store.state), shownMasks.at(0))];
        place.querySelector('.looking button').click();
        show();
        return { alone, options, looked, back: [store.state.looked, place.querySelector('.looking')] };"""
    assert run(modules, body) == {
        "alone": None,
        "options": ["mine", "bob", "cem"],
        "looked": [
            "cem",
            "Masks of cem, to look at only.",
            0,
            2,
            "Masks of cem. Frame 1 of 100: Bird has no mask, Cat present.",
        ],
        "back": [None, None],
    }
