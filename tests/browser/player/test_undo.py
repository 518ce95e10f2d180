"""Undo and redo of prompts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def steps(modules: Modules, *calls: list[Any]) -> list[Any]:
    """What the calls of a history return; prompts are named by letters."""
    body = """const { History } = await load('state/undo.js');
        const history = new History();
        return argument.map(([name, ...given]) => history[name](...given)?.prompt ?? null);"""
    found: list[Any] = modules.run(body, list(calls))
    return found


def added(before: str | None, after: str | None, object_id: str = "Cat") -> list[Any]:
    return ["add", {"object": object_id, "frame": 1, "before": before, "after": after}]


def test_steps_are_taken_back_and_repeated_in_order(modules: Modules) -> None:
    calls = [added(None, "a"), added("a", "b"), ["undo"], ["undo"], ["undo"], ["redo"], ["redo"], ["redo"]]
    assert steps(modules, *calls) == [None, None, "a", None, None, "a", "b", None]


def test_a_new_step_drops_what_was_taken_back(modules: Modules) -> None:
    calls = [added(None, "a"), ["undo"], added(None, "c"), ["redo"], ["undo"], ["redo"]]
    assert steps(modules, *calls) == [None, None, None, None, None, "c"]


def test_the_steps_of_a_forgotten_object_go(modules: Modules) -> None:
    calls = [added("x", "y", "Dog"), added(None, "a"), ["forget", "Cat"], ["undo"], ["undo"]]
    assert steps(modules, *calls) == [None, None, None, "x", None]
    assert steps(modules, added("x", "y"), ["forget", None], ["undo"]) == [None, None, None]


def test_the_newest_steps_are_kept(modules: Modules) -> None:
    many = [added(str(number), "", "Cat") for number in range(250)]
    found = steps(modules, *many, *[["undo"]] * 201)
    assert found[250] == "249"
    assert found[-2:] == ["50", None]
