"""The player alone in a tab, with the real Masklet: review, errors, keyboard, window sizes, contrast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize

from scripts.demonstration.clip import LABELS
from tests.browser.conftest import PAGES
from tests.browser.driving.builders import Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.player_page import STATE, Player, player_project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

Scheme = Literal["light", "dark"]

LAPTOP = ViewportSize(width=1366, height=768)
PHONE = ViewportSize(width=390, height=844)
LEAST_CONTRAST = 4.5
LONG_NAMES = (
    "Articulated lorry with a trailer, partly occluded by vegetation",
    "Pedestrian_with_umbrella_or_other_carried_object_in_one_unbroken_word",
)
READABLE_PAIRS = [
    ("ink", "ground"),
    ("faint", "ground"),
    ("bad", "ground"),
    ("ink", "button"),
    ("bad", "button"),
    ("strong-ink", "strong"),
]


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Player alone")


@pytest.fixture(scope="module")
def long_names(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Player, long names", label_names=LONG_NAMES)


@pytest.fixture
def tab(profile: BrowserContext) -> Iterator[Page]:
    opened = profile.new_page()
    opened.set_viewport_size(LAPTOP)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def marked(profile: BrowserContext, project: ProjectSetup, masklet: Masklet) -> Callable[[Page], Player]:
    """Opens a task with two propagated objects."""
    task = project.new_task()
    page = profile.new_page()
    player = Player(page, project, task, alone_at=masklet.url)
    for label in LABELS[:2]:
        player.add_object(label)
        player.click(*project.place(label))
    player.carry_both_ways()
    page.close()
    return lambda tab: Player(tab, project, task, alone_at=masklet.url)


def test_a_range_is_approved_with_two_keys(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    for key in ("ArrowRight", "ArrowRight", "m", "ArrowRight", "ArrowRight", "Shift+Enter"):
        player.press(key)
    player.wait_until_idle()
    human = f"() => Object.values({STATE}.lanes).every(lane => [2, 3, 4].every(frame => lane.human.includes(frame)))"
    player.frame.wait_for_function(human)
    origins = player.frame.evaluate(
        "() => [1, 2, 4, 5].map(frame => window.masklet.masks.at(frame).map(mask => mask.origin))"
    )
    assert origins == [["propagated"] * 2, ["human"] * 2, ["human"] * 2, ["propagated"] * 2]
    again = marked(tab)
    again.wait_for_timeline()
    again.press(".")
    again.press(".")
    assert again.frame.evaluate(f"() => {STATE}.frame") in (2, 3)


def test_only_the_selected_object_is_propagated(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    with tab.expect_request(lambda request: request.url.endswith("/propagations")) as sent:
        player.press("2")
        player.press("k")
        player.press("f")
    body = sent.value.post_data_json
    assert body is not None
    assert body["objects"] == [LABELS[1]]
    player.wait_until_idle()
    player.wait_until_propagated()
    player.frame.wait_for_function(
        f"() => window.masklet.masks.at({PAGES - 1}).some(mask => mask.object === '{LABELS[1]}')"
    )


def test_a_change_outlives_a_lost_connection(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    before = len(player.prompts())
    player.press("End")
    player.wait_for_picture()
    tab.context.set_offline(True)
    try:
        player.press("Enter")
        tab.get_by_role("alert").filter(
            has_text="Masklet does not answer. The page asks again by itself. One change waits."
        ).wait_for()
        picture(tab, "player-4-no-connection")
        assert player.frame.evaluate(f"() => {STATE}.busy") == 1
    finally:
        tab.context.set_offline(False)
    player.wait_until_idle()
    assert player.frame.evaluate(f"() => [{STATE}.connected, {STATE}.notice]") == [True, None]
    assert len(player.prompts()) == before + 2
    assert len(marked(tab).prompts()) == before + 2


def test_a_refused_call_says_why_and_stays_until_it_is_closed(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    player.frame.evaluate("() => window.masklet.prompts.box([0.5, 0.5, 0.5, 0.5])")
    notice = tab.locator(".notice.error")
    notice.wait_for()
    assert notice.inner_text().rstrip(" ×\n").endswith("y 0.5..0.5.")
    player.press("ArrowRight")
    assert notice.is_visible()
    tab.get_by_role("button", name="Close the message").click()
    assert not notice.is_visible()


def test_an_object_is_marked_by_keys_alone(tab: Page, project: ProjectSetup, masklet: Masklet) -> None:
    player = Player(tab, project, project.new_task(), alone_at=masklet.url)
    for key in ("Alt+ArrowLeft", "Alt+ArrowLeft", "Alt+ArrowDown", "Alt+Enter"):
        player.press(key)
    player.wait_until_idle()
    player.press("Alt+ArrowUp")
    player.press("Alt+Delete")
    player.wait_until_idle()
    assert [prompt["object"] for prompt in player.prompts()] == [LABELS[0]]
    points = [pytest.approx([0.48, 0.51, 1]), pytest.approx([0.48, 0.5, 0])]
    assert player.prompts()[0]["points"] == points


def test_zoom_and_move_keep_clicks_on_their_pixels(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    whole = player.frame.evaluate("() => window.masklet.stage.place()")
    canvas = player.frame.locator("canvas.stage")
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["width"] * 0.4, box["height"] * 0.6
    pointed = "([x, y]) => window.masklet.stage.relative({ offsetX: x, offsetY: y })"
    before = player.frame.evaluate(pointed, [x, y])
    canvas.hover(position={"x": x, "y": y})
    tab.mouse.wheel(0, -300)
    player.frame.wait_for_function("() => window.masklet.stage.zoom > 1")
    assert player.frame.evaluate(pointed, [x, y]) == pytest.approx(before, abs=0.001)
    tab.keyboard.down("Shift")
    tab.mouse.down()
    tab.mouse.move(box["x"] + x + 40, box["y"] + y + 25)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    assert player.frame.evaluate(pointed, [x + 40, y + 25]) == pytest.approx(before, abs=0.001)
    player.press("0")
    assert player.frame.evaluate("() => window.masklet.stage.place()") == whole


def test_the_player_fills_the_window_and_leaves_it(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    player.press("w")
    player.frame.wait_for_function("() => document.fullscreenElement?.id === 'player'")
    player.press("w")
    player.frame.wait_for_function("() => document.fullscreenElement === null")


def test_thumbnails_show_masks_and_open_their_frame(tab: Page, marked: Callable[[Page], Player]) -> None:
    player = marked(tab)
    assert not tab.get_by_role("group", name="Frames around this one").is_visible()
    player.press("t")
    strip = tab.get_by_role("group", name="Frames around this one").get_by_role("button")
    drawn = """() => [...document.querySelectorAll('.slot-thumbnails canvas')]
      .every(canvas => canvas.getContext('2d').getImageData(50, 30, 1, 1).data[3] === 255)"""
    player.frame.wait_for_function(drawn)
    assert strip.count() == PAGES
    strip.nth(5).click()
    player.frame.wait_for_function(f"() => {STATE}.frame === 5")
    player.wait_for_picture()
    picture(tab, "player-5-thumbnails")
    player.press("t")
    assert not strip.first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_laptops_window_shows_everything_without_scrolling(
    tab: Page, marked: Callable[[Page], Player], scheme: Scheme
) -> None:
    tab.emulate_media(color_scheme=scheme)
    player = marked(tab)
    player.press("ArrowRight")
    player.wait_for_picture()
    tab.get_by_text("Frame 2 of").wait_for()
    picture(tab, f"player-6-{scheme}")
    size = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert player.frame.evaluate(size) == [LAPTOP["width"], LAPTOP["height"]]
    canvas = player.frame.locator("canvas.stage").bounding_box()
    assert canvas is not None
    assert canvas["height"] > 480


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_names_and_an_error_fit_the_window(
    tab: Page, long_names: ProjectSetup, masklet: Masklet, scheme: Scheme
) -> None:
    tab.emulate_media(color_scheme=scheme)
    player = Player(tab, long_names, long_names.new_task(), alone_at=masklet.url)
    for name in LONG_NAMES:
        player.add_object(name)
    player.frame.evaluate("() => window.masklet.prompts.box([0.5, 0.5, 0.5, 0.5])")
    tab.locator(".notice.error").wait_for()
    picture(tab, f"player-8-long-names-{scheme}")
    cut = "() => [...document.querySelectorAll('button')].filter(one => one.scrollWidth > one.clientWidth).length"
    outside = f"""() => [...document.querySelectorAll('button, .notice, label')]
      .filter(one => one.getBoundingClientRect().right > {LAPTOP["width"]}).length"""
    assert player.frame.evaluate(cut) == 0
    assert player.frame.evaluate(outside) == 0


def test_a_phones_window_serves_for_review(tab: Page, marked: Callable[[Page], Player]) -> None:
    tab.set_viewport_size(PHONE)
    player = marked(tab)
    player.wait_for_picture()
    picture(tab, "player-7-phone")
    assert player.frame.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
    for name in ("Previous frame", "Next frame", "Next uncertain", "✓ Right"):
        box = tab.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < PHONE["height"]
        assert min(box["width"], box["height"]) >= 40
    tab.get_by_role("button", name="Next frame").click()
    assert player.frame.evaluate(f"() => {STATE}.frame") == 1


def test_every_control_is_reached_by_tab_with_a_name_and_a_visible_focus(
    tab: Page, marked: Callable[[Page], Player]
) -> None:
    player = marked(tab)
    player.frame.evaluate("() => document.activeElement?.blur()")
    controls = player.frame.locator("button, select, input, canvas[tabindex]")
    names, seen = [], set()
    for _ in range(controls.count()):
        tab.keyboard.press("Tab")
        seen.add(player.frame.evaluate("() => [...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        names.append(player.frame.evaluate(NAME_AND_OUTLINE))
    assert len(seen) == controls.count() > 30
    assert [each for each in names if not each[0] or each[1] < 2] == []


NAME_AND_OUTLINE = """() => {
  const at = document.activeElement;
  const name = at.getAttribute('aria-label') || at.closest('label')?.textContent || at.textContent;
  return [name.trim(), parseFloat(getComputedStyle(at).outlineWidth)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(tab: Page, marked: Callable[[Page], Player], scheme: Scheme) -> None:
    tab.emulate_media(color_scheme=scheme)
    marked(tab)
    read = """names => names.map(name => {
      const probe = document.createElement('p');
      probe.style.color = `var(--${name})`;
      document.body.append(probe);
      return getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number);
    })"""
    names = sorted({name for pair in READABLE_PAIRS for name in pair})
    colors = dict(zip(names, tab.evaluate(read, names), strict=True))
    contrasts = {pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in READABLE_PAIRS}
    assert {pair: value for pair, value in contrasts.items() if value < LEAST_CONTRAST} == {}
    assert (colors["ground"] == [255, 255, 255]) == (scheme == "light")


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast ratio of two sRGB colours, 0 to 255 a channel: (L1 + 0.05) / (L2 + 0.05), as WCAG 2 defines it."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: list[float]) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (c / 255 for c in color)
    ]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
