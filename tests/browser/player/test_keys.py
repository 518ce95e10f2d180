"""Keys: each binding's key runs it, no key has two bindings, and fields and controls keep their own keys."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# Listens as the page does; the bindings record their own positions.
LISTEN = """
    const { BINDINGS, onKey } = await load('keys.js');
    window.ran = [];
    BINDINGS.forEach((binding, position) => { binding.run = (parts, key) => window.ran.push([position, key]); });
    const parts = { store: { state: { help: argument === 'help' } } };
    document.addEventListener('keydown', event => onKey(event, parts));
    return BINDINGS.map(({ keys, text }) => ({ keys, text }));
"""


def test_no_key_has_two_bindings_and_each_says_what_it_does(modules: Modules) -> None:
    bindings = modules.run(LISTEN)
    keys = [key for binding in bindings for key in binding["keys"]]
    assert len(keys) == len(set(keys)) > 40
    texts = [binding["text"] for binding in bindings]
    assert len(texts) == len(set(texts))
    assert all(texts)


def test_each_key_runs_its_binding(modules: Modules) -> None:
    bindings = modules.run(LISTEN)
    expected = []
    for position, binding in enumerate(bindings):
        for key in binding["keys"]:
            modules.page.keyboard.press("Shift+Slash" if key == "?" else "Equal" if key == "=" else key)
            expected.append([position, key])
    assert modules.page.evaluate("() => window.ran") == expected


@pytest.mark.parametrize("key", ["Alt+d", "Control+d", "Shift+A", "q", "Control+1"])
def test_another_key_runs_nothing(modules: Modules, key: str) -> None:
    modules.run(LISTEN)
    modules.page.keyboard.press(key)
    assert modules.page.evaluate("() => window.ran") == []


def test_caps_lock_changes_no_key(modules: Modules) -> None:
    modules.run(LISTEN)
    body = """
        for (const key of ['N', 'n']) document.dispatchEvent(new KeyboardEvent('keydown', { key }));
        return window.ran;"""
    assert [key for _, key in modules.run(body)] == ["n", "n"]


@pytest.mark.parametrize(
    ("markup", "own", "passed_on"),
    [
        ("<input type=number>", ["d", "Enter", "1"], []),
        ("<select><option>d</option></select>", ["d"], []),
        ("<button>b</button>", ["Enter", "Space"], ["d", "n"]),
        ("<input type=checkbox>", ["Space"], ["d"]),
    ],
)
def test_fields_and_controls_keep_their_keys(
    modules: Modules, markup: str, own: list[str], passed_on: list[str]
) -> None:
    modules.run(LISTEN)
    modules.page.evaluate("markup => { document.querySelector('main').innerHTML = markup; }", markup)
    modules.page.evaluate("() => document.querySelector('main > *').focus()")
    for key in [*own, *passed_on]:
        modules.page.keyboard.press(key)
    assert [key for _, key in modules.page.evaluate("() => window.ran")] == passed_on


def test_the_open_help_keeps_all_keys_but_its_own(modules: Modules) -> None:
    modules.run(LISTEN, "help")
    for key in ("d", "Enter", "Shift+Slash"):
        modules.page.keyboard.press(key)
    assert [key for _, key in modules.page.evaluate("() => window.ran")] == ["?"]


def test_the_help_lists_every_key(modules: Modules) -> None:
    body = """
        const { html, render } = await load('vendor/htm-preact.js');
        const { BINDINGS } = await load('keys.js');
        const { Help } = await load('view/messages.js');
        render(html`<${Help} state=${{ help: true }} parts=${{}} />`, document.querySelector('main'));
        const rows = [...document.querySelectorAll('dl > div')].map(row =>
          [[...row.querySelectorAll('kbd')].map(key => key.textContent), row.querySelector('dd').textContent]);
        return [rows, BINDINGS.map(({ keys, text }) => [keys, text])];"""
    rows, bindings = modules.run(body)
    assert rows == bindings
