"""The same work in the player and in pages: three objects clicked, carried to the end of 72 frames, submitted."""

from __future__ import annotations

import time

from playwright.sync_api import BrowserContext, Error, Frame, Page

from scripts.benchmarks.player_page.stack import Stack
from scripts.benchmarks.player_page.tab import PATIENCE_MS, PROPAGATION_MS, STATE, Json, NotHappened, PlayerTab
from scripts.demonstration.clip import Click
from tests.browser.driving.editor import Editor

ROUNDS = 60
"""The most presses of "to the end" in pages: an answer has the masks that are ready, the next one has more."""

ALL_MASKS = """([frames, objects]) => [...Array(frames).keys()].every(
  (frame) => objects.every((object) => window.masklet.masks.mask(frame, object)))"""
SUBMITTED_ON = ("POST", "PATCH")


def player_person(context: BrowserContext, stack: Stack, project: int) -> Json:
    """Works in the player inside Label Studio's task page. Returns the clicks and seconds."""
    page = context.new_page()
    page.goto(stack.task_address(stack.clip_task(project)))
    tab = PlayerTab(page, _player_frame(page))
    tab.wait("() => window.masklet_probe.paints.some((paint) => paint.complete)", "the player showed no picture")
    started_s, before = time.monotonic(), tab.inputs()
    for position, click in enumerate(stack.clip.clicks):
        if position:  # the page adds the first object by itself
            tab.add_object(click.label)
        _click(tab, click)
    tab.press("Shift+F")
    arg = [stack.clip.pages, _labels(stack)]
    tab.wait(ALL_MASKS, "the masks did not reach all frames", arg, timeout_ms=PROPAGATION_MS)
    after = tab.inputs()  # Label Studio loads the player anew after Submit
    _submit(page)
    return _told("player", started_s, before, after)


def pages_person(context: BrowserContext, stack: Stack, project: int) -> Json:
    """Does the same on frames as pages, as it was done before the player."""
    page = context.new_page()
    editor, tab = Editor(page), PlayerTab(page)
    editor.open(stack.task_address(stack.clip_task(project)))
    started_s, before = time.monotonic(), tab.inputs()
    editor.switch()
    for click in stack.clip.clicks:
        _choose(editor, click.label)
        editor.click(click.x_pct, click.y_pct)
    made = 0
    for turn in range(ROUNDS):
        _choose(editor, "▶▶ end")
        editor.click(97.0 - 1.5 * turn, 3.0)
        earlier, made = made, sum(len(editor.pages_of(label)) for label in _labels(stack))
        if made == earlier:  # pages without an object have no mask: only an answer without new ones says that it is all
            break
    else:
        raise NotHappened(f"pages: masks still came after {ROUNDS} actions")
    after = tab.inputs()
    editor.submit()
    return _told("pages", started_s, before, after)


def _choose(editor: Editor, label: str) -> None:
    """Chooses the tool, unless it is chosen, and a label."""
    if not editor.page.locator("button.lsf-tool_smart.lsf-tool_active[aria-label='key-point-tool']").count():
        editor.choose_auto_detect()
    editor.choose_label(label)


def _click(tab: PlayerTab, click: Click) -> None:
    tab.show(click.page)
    before = tab.known(click.page)
    tab.page.mouse.click(*tab.point(click.x_pct / 100, click.y_pct / 100))
    test = "paint.masks && paint.frame === arg[0] && paint.known > arg[1]"
    what = f"no mask of {click.label} was painted"
    tab.painted_after("pointerup", test, what, arg=[click.page, before], timeout_ms=PATIENCE_MS)
    tab.wait(f"() => {STATE}.busy === 0", "the page went on working after a click")


def _player_frame(page: Page) -> Frame:
    """The player's frame with the task open. Label Studio's page replaces the frame while it loads."""
    for _ in range(600):
        for frame in page.frames:
            try:
                if "/player?" in frame.url and frame.evaluate("() => window.masklet?.store.state.ready"):
                    page.wait_for_timeout(1000)
                    frame.evaluate("() => true")
                    return frame
            except Error as error:
                if "detached" not in str(error) and "destroyed" not in str(error):
                    raise
        page.wait_for_timeout(100)
    raise NotHappened("Label Studio's task page shows no player")


def _submit(page: Page) -> None:
    with page.expect_response(lambda reply: "/annotations" in reply.url and reply.request.method in SUBMITTED_ON):
        page.get_by_role("button", name="Submit").click()


def _labels(stack: Stack) -> list[str]:
    return [click.label for click in stack.clip.clicks]


def _told(way: str, started_s: float, before: Json, after: Json) -> Json:
    """before, after: the inputs up to Submit, which is one click more."""
    pressed = {name: after[name] - before[name] for name in after}
    return {
        f"{way}_seconds": round(time.monotonic() - started_s, 1),
        f"{way}_clicks": pressed["pointerdown"] + 1,
        f"{way}_keys": pressed["keydown"],
    }
