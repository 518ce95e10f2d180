"""The player in Label Studio's task page: clicks, propagation, undo, and the same state after a reload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Frame, Page

from backend.codecs.coco_rle import decode_mask
from backend.domain.masklets import EncodedMask
from backend.domain.tasks import TaskKey
from scripts.demonstration.clip import LABELS
from scripts.label_studio.server import LabelStudioServer
from tests.browser.builders import Mask, Masklet, Projects, ProjectSetup, iou, picture
from tests.browser.conftest import PAGES, TIMEOUT_MS, log_in

CONFIG = """<View>
  <HyperText name="player" inline="true"
    value="&lt;embed src='{player}&amp;value=$video' width='100%' height='720'&gt;"/>
  <Choices name="verdict" toName="player" choice="single"><Choice value="satisfactory"/><Choice value="redo"/></Choices>
  <View style="display:none">
    <Labels name="label" toName="video">{labels}</Labels>
    <Video name="video" value="$video" framerate="12"/><VideoRectangle name="box" toName="video"/>
  </View>
</View>"""
STATE = "window.masklet.store.state"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    labels = "".join(f'<Label value="{label}"/>' for label in LABELS)
    plain = CONFIG.format(player=f"{masklet.url}/player?project=0&amp;field=video", labels=labels)
    made = projects("Player", plain)
    config = CONFIG.format(player=f"{masklet.url}/player?project={made.project_id}&amp;field=video", labels=labels)
    made.api.change_project(made.project_id, label_config=config)
    return made


@pytest.fixture
def label_studio_page(browser: Browser, label_studio: LabelStudioServer) -> Iterator[Page]:
    opened = log_in(browser, label_studio)
    yield opened
    opened.context.close()


class Player:
    """The player inside a task page."""

    def __init__(self, page: Page, project: ProjectSetup, task: TaskKey) -> None:
        self.page, self.project = page, project
        page.goto(project.address(task))
        self.frame = self._ready_frame()
        self.wait_for_picture()

    def _ready_frame(self) -> Frame:
        """The player's frame, with the task open. Label Studio's page replaces the frame while it loads."""
        for _ in range(10):
            frame = self._frame()
            try:
                frame.wait_for_function("() => window.masklet?.store.state.ready", timeout=TIMEOUT_MS)
                self.page.wait_for_timeout(1000)
                frame.evaluate("() => true")
                return frame
            except Error as error:
                if "detached" not in str(error):
                    raise
        pytest.fail("the player's frame was replaced again and again")

    def _frame(self) -> Frame:
        for _ in range(TIMEOUT_MS // 100):
            for frame in self.page.frames:
                if "/player?" in frame.url:
                    return frame
            self.page.wait_for_timeout(100)
        pytest.fail("the task page shows no player")

    def wait_for_picture(self) -> None:
        self.frame.wait_for_selector("canvas.stage[data-complete=true]", timeout=TIMEOUT_MS)

    def wait_until_idle(self) -> None:
        """Until no prompt is on its way."""
        self.frame.wait_for_function(f"() => {STATE}.busy === 0", timeout=TIMEOUT_MS)
        notice = self.frame.evaluate(f"() => {STATE}.notice")
        assert notice is None or notice["kind"] != "error", notice

    def add_object(self, label: str) -> None:
        self.frame.get_by_role("button", name=f"+ {label}", exact=True).click()

    def click(self, x_pct: float, y_pct: float, button: str = "left") -> None:
        """A click of the mouse on a point of the frame, in percent."""
        x, y = self.frame.evaluate(
            """([x, y]) => {
              const stage = window.masklet.stage, place = stage.place(), box = stage.canvas.getBoundingClientRect();
              return [box.left + place.left + x * place.width, box.top + place.top + y * place.height];
            }""",
            [x_pct / 100, y_pct / 100],
        )
        canvas = self.frame.locator("canvas.stage")
        outer = canvas.evaluate("canvas => { const box = canvas.getBoundingClientRect(); return [box.left, box.top]; }")
        canvas.click(position={"x": x - outer[0], "y": y - outer[1]}, button=button)  # type: ignore[arg-type]
        self.wait_until_idle()

    def press(self, key: str) -> None:
        self.frame.locator("canvas.stage").press(key)

    def prompts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.frame.evaluate(f"() => {STATE}.prompts")
        return found

    def masks(self, frame: int) -> dict[str, Mask]:
        listed = self.frame.evaluate("frame => window.masklet.masks.at(frame)", frame)
        shown = ((mask["object"], mask["rle"]["size"], mask["rle"]["counts"]) for mask in listed if mask["rle"])
        return {name: decode_mask(EncodedMask(size[0], size[1], counts)) for name, size, counts in shown}

    def carry_both_ways(self) -> None:
        self.press("g")
        self.wait_until_idle()
        done = f"() => {STATE}.job && !['queued', 'running'].includes({STATE}.job.state)"
        self.frame.wait_for_function(done, timeout=TIMEOUT_MS)
        assert self.frame.evaluate(f"() => {STATE}.job.state") == "done"


def test_clicks_become_masks_that_are_carried_and_kept(
    label_studio_page: Page, project: ProjectSetup, masklet: Masklet
) -> None:
    task = project.new_task()
    player = Player(label_studio_page, project, task)
    for label in LABELS[:2]:
        player.add_object(label)
        player.click(*project.place(label))
    assert [prompt["object"] for prompt in player.prompts()] == list(LABELS[:2])
    for label in LABELS[:2]:
        assert iou(player.masks(0)[label], project.truth(label, 0)) > 0.5
    picture(label_studio_page, "player-1-clicks")

    player.carry_both_ways()
    player.frame.wait_for_function(
        "count => [...Array(count).keys()].every(frame => window.masklet.masks.at(frame).length === 2)", arg=PAGES
    )
    last = player.masks(PAGES - 1)
    assert min(iou(last[label], project.truth(label, PAGES - 1)) for label in LABELS[:2]) > 0.4
    player.press("End")
    player.wait_for_picture()
    picture(label_studio_page, "player-2-carried")

    before = {frame: player.masks(frame) for frame in range(PAGES)}
    again = Player(label_studio_page, project, task)
    assert [prompt["object"] for prompt in again.prompts()] == list(LABELS[:2])
    again.frame.wait_for_function("() => window.masklet.masks.at(0).length === 2")
    for frame, masks in before.items():
        for label, mask in masks.items():
            assert (again.masks(frame)[label] == mask).all()
    assert len(masklet.ledger.prompts(task, user=label_studio_user(project)).prompts) == 2


def test_a_prompt_is_taken_back_and_repeated(label_studio_page: Page, project: ProjectSetup) -> None:
    player = Player(label_studio_page, project, project.new_task())
    player.add_object(LABELS[0])
    player.click(*project.place(LABELS[0]))
    player.click(3.0, 3.0, button="right")
    assert [point[2] for point in player.prompts()[0]["points"]] == [1, 0]
    player.press("Control+z")
    player.wait_until_idle()
    assert [point[2] for point in player.prompts()[0]["points"]] == [1]
    player.press("Control+z")
    player.wait_until_idle()
    assert (player.prompts(), player.masks(0)) == ([], {})
    player.press("Control+y")
    player.wait_until_idle()
    assert list(player.masks(0)) == [LABELS[0]]


def label_studio_user(project: ProjectSetup) -> str:
    return str(project.api._call("GET", "/api/current-user/whoami")["email"])
