"""Two people on one task in the player: each looks at the masks of the other, and changes only their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from backend.domain.tasks import TaskKey
from scripts.demonstration.clip import LABELS
from scripts.label_studio.server import LabelStudioServer
from tests.browser.conftest import TIMEOUT_MS, sign_up
from tests.browser.driving.builders import Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.player_page import STATE, Player, player_project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

Scheme = Literal["light", "dark"]
COLLEAGUE = "second.annotator@localhost.local"
WINDOW = ViewportSize(width=1366, height=768)
PHONE = ViewportSize(width=390, height=844)
SHOWN = """() => {
  const { shownMasks, store } = window.masklet;
  return Object.fromEntries(shownMasks.at(store.state.frame).map(mask => [mask.object, mask.rle?.counts ?? null]));
}"""

DRAW = f"""async () => {{
  const {{ encode }} = await import('/player/static/media/rle.js');
  const {{ width, height }} = {STATE}.video;
  const drawn = encode(new Uint8Array(width * height).fill(1, 0, width * 20), height, width);
  window.masklet.prompts.mask(drawn);
  return drawn.counts;
}}"""

THUMBNAILS_DRAWN = """() => [...document.querySelectorAll('.slot-thumbnails canvas')]
  .every(canvas => canvas.getContext('2d').getImageData(50, 30, 1, 1).data[3] === 255)"""


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Player for two")


@pytest.fixture(scope="module")
def task(project: ProjectSetup) -> TaskKey:
    return project.new_task()


@pytest.fixture(scope="module")
def theirs(browser: Browser, label_studio: LabelStudioServer) -> Iterator[BrowserContext]:
    opened = sign_up(browser, label_studio, COLLEAGUE).context
    opened.set_default_timeout(TIMEOUT_MS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def colleague(theirs: BrowserContext, project: ProjectSetup, masklet: Masklet, task: TaskKey) -> Player:
    """The second person, who has marked and propagated two objects."""
    player = Player(theirs.new_page(), project, task, alone_at=masklet.url)
    for label in LABELS[:2]:
        player.add_object(label)
        player.click(*project.place(label))
    player.carry_both_ways()
    return player


@pytest.fixture
def tab(profile: BrowserContext) -> Iterator[Page]:
    opened = profile.new_page()
    opened.set_viewport_size(WINDOW)
    yield opened
    opened.close()


@pytest.fixture
def player(tab: Page, project: ProjectSetup, masklet: Masklet, task: TaskKey, colleague: Player) -> Player:
    """The first person, with one object, after the second has begun."""
    assert colleague.prompts()
    opened = Player(tab, project, task, alone_at=masklet.url)
    if not opened.prompts():
        opened.add_object(LABELS[2])
        opened.click(*project.place(LABELS[2]))
    return opened


def look(player: Player) -> None:
    """Chooses the colleague's masks, and waits until they are there."""
    player.page.get_by_label("Whose masks").select_option(COLLEAGUE)
    player.frame.wait_for_function(f"() => Object.keys(({SHOWN})()).length === 2")
    player.wait_for_picture()


def test_anothers_masks_are_shown_and_cannot_be_changed(
    player: Player, colleague: Player, project: ProjectSetup
) -> None:
    own, before = player.prompts(), colleague.prompts()
    own_masks = player.frame.evaluate(SHOWN)
    look(player)
    assert player.frame.evaluate(SHOWN) == colleague.frame.evaluate(SHOWN)
    assert player.page.get_by_text(f"Masks of {COLLEAGUE}, to look at only.").is_visible()
    assert player.page.get_by_role("button", name="Brush").is_disabled()
    player.click(*project.place(LABELS[0]))
    for key in ("Enter", "Delete", "g", "o", "Control+z"):
        player.page.get_by_role("button", name="Close the message").click()
        player.press(key)
        player.page.get_by_text("These masks are to look at only").wait_for()
    assert player.frame.evaluate(f"() => [{STATE}.busy, {STATE}.job, {STATE}.objects.length]") == [0, None, 1]
    player.press("y")
    assert player.frame.evaluate(SHOWN) == own_masks
    assert player.prompts() == own
    assert colleague.prompts() == before
    assert player.page.locator(".notice").count() == 0


def test_what_the_other_does_is_seen_without_asking(player: Player, colleague: Player) -> None:
    look(player)
    colleague.press("1")
    drawn = colleague.frame.evaluate(DRAW)
    colleague.wait_until_idle()
    player.frame.wait_for_function(f"counts => ({SHOWN})()['{LABELS[0]}'] === counts", arg=drawn)


def test_a_change_that_waits_is_kept_while_another_is_looked_at(player: Player) -> None:
    before = len(player.prompts())
    player.press("End")
    player.wait_for_picture()
    player.page.context.set_offline(True)
    try:
        player.press("Alt+ArrowUp")
        player.press("Alt+Enter")
        player.page.get_by_text("One change waits.").wait_for()
        player.press("j")
        player.frame.wait_for_function(f"() => {STATE}.looked?.user === '{COLLEAGUE}'")
    finally:
        player.page.context.set_offline(False)
    player.wait_until_idle()
    player.press("y")
    assert len(player.prompts()) == before + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_laptops_window_says_whose_masks_it_shows_without_scrolling(player: Player, scheme: Scheme) -> None:
    player.page.emulate_media(color_scheme=scheme)
    picture(player.page, f"player-9-own-{scheme}")
    look(player)
    player.press("t")
    player.frame.wait_for_function(THUMBNAILS_DRAWN)
    player.page.get_by_role("status").get_by_text(f"Masks of {COLLEAGUE}. Frame 1 of").wait_for()
    picture(player.page, f"player-9-looked-{scheme}")
    size = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert player.frame.evaluate(size) == [WINDOW["width"], WINDOW["height"]]
    objects = player.page.get_by_role("complementary", name=f"Objects of {COLLEAGUE}").locator("li")
    assert [each.split()[1:3] for each in objects.all_inner_texts()] == [label.split() for label in LABELS[:2]]


def test_a_phones_window_says_whose_masks_it_shows_below_the_picture(player: Player) -> None:
    player.page.set_viewport_size(PHONE)
    look(player)
    picture(player.page, "player-9-looked-phone")
    canvas = player.frame.locator("canvas.stage").bounding_box()
    note = player.page.get_by_text(f"Masks of {COLLEAGUE}, to look at only.").bounding_box()
    assert canvas is not None
    assert note is not None
    assert 0 <= note["y"] - canvas["y"] - canvas["height"] < 40
    assert player.frame.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
