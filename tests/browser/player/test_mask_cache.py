"""Masks by block of frames: what is asked for, which of two contents counts, what is dropped."""

from __future__ import annotations

import pytest

from tests.browser.player.builders import MASKS
from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_masks_are_asked_for_by_block_and_the_next_block_ahead(modules: Modules) -> None:
    body = """
        const asked = [];
        const fetchMasks = async (start, stop) => {
          asked.push([start, stop]);
          return { masks: [mask('Cat', start)] };
        };
        const cache = new MaskCache(fetchMasks, () => {}, () => {});
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
        return { size: cache.size, MOST_CHARACTERS, frames: held.length, near: counts(cache, 300).Cat === long,
          far: counts(cache, 19950) };"""
    found = modules.run(MASKS + body)
    assert found["near"]
    assert found["far"] == {}
    assert 0 < found["size"] <= found["MOST_CHARACTERS"]
    assert 80 < found["frames"] < 100


def test_a_refused_read_of_masks_is_told_and_repeated(modules: Modules) -> None:
    body = """
        const errors = [];
        let calls = 0;
        const fetchMasks = async () => {
          calls += 1;
          if (calls === 1) throw new Error('refused');
          return { masks: [mask('Cat', 0)] };
        };
        const cache = new MaskCache(fetchMasks, () => {}, error => errors.push(error.message));
        cache.count = 60;
        cache.moveTo(0, 1);
        while (!cache.at(0).length) await rest();
        return { errors, calls };"""
    assert modules.run(MASKS + body) == {"errors": ["refused"], "calls": 2}


def test_a_refresh_changes_only_the_masks_that_are_others_now(modules: Modules) -> None:
    body = """
        let masks = [mask('Cat', 0), mask('Cat', 1), mask('Cat', 2)];
        const cache = new MaskCache(async () => ({ masks }), () => {}, () => {});
        cache.count = 60;
        cache.moveTo(0, 1); await rest();
        const versions = () => [0, 1, 2].map(frame => cache.version(frame));
        const before = versions();
        masks = [mask('Cat', 0), mask('Cat', 1, 'new')];
        cache.refresh(); await rest();
        const changed = versions().map((version, frame) => version !== before[frame]);
        return [changed, [0, 1, 2].map(frame => counts(cache, frame))];"""
    assert modules.run(MASKS + body) == [[False, True, True], [{"Cat": "04"}, {"Cat": "new"}, {}]]


def test_a_refresh_waits_for_what_is_asked_already(modules: Modules) -> None:
    body = """
        const answers = [];
        const cache = new MaskCache(() => new Promise(resume => answers.push(resume)), () => {}, () => {});
        cache.count = 60;
        cache.moveTo(0, 1);
        cache.refresh();
        const asked = answers.length;
        answers[0]({ masks: [mask('Cat', 0)] }); await rest();
        cache.refresh();
        return [asked, counts(cache, 0), answers.length];"""
    assert modules.run(MASKS + body) == [1, {"Cat": "04"}, 2]
