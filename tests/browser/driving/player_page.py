"""The player's page as a person uses it: inside Label Studio's task page, or alone in a tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Error, Frame, Page

from backend.codecs.coco_rle import decode_mask
from backend.domain.masklets import EncodedMask
from backend.domain.tasks import TaskKey
from scripts.demonstration.clip import LABELS
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.driving.builders import Mask, Masklet, Projects, ProjectSetup
from tests.browser.driving.page_scripts import POLL_MS

CONFIG = """<View>
  <HyperText name="player" inline="true"
    value="&lt;embed src='{player}&amp;value=$video' width='100%' height='720'&gt;"/>
  <Choices name="verdict" toName="player" choice="single"><Choice value="satisfactory"/><Choice value="redo"/></Choices>
  <View style="position:absolute;left:-10000px;width:320px;visibility:hidden">
    <Labels name="label" toName="video">{labels}</Labels>
    <Video name="video" value="$video" framerate="12"/><VideoRectangle name="box" toName="video"/>
  </View>
</View>"""
STATE = "window.masklet.store.state"


def player_project(
    projects: Projects, masklet: Masklet, title: str, *, label_names: Sequence[str] = LABELS
) -> ProjectSetup:
    """A project whose label config shows the player."""
    labels = "".join(f'<Label value="{label}"/>' for label in label_names)
    plain = CONFIG.format(player=f"{masklet.url}/player?project=0&amp;field=video", labels=labels)
    made = projects(title, plain)
    config = CONFIG.format(player=f"{masklet.url}/player?project={made.project_id}&amp;field=video", labels=labels)
    made.api.change_project(made.project_id, label_config=config)
    return made


class Player:
    """The player in a page; alone_at: Masklet's address, to open it without Label Studio's task page."""

    def __init__(self, page: Page, project: ProjectSetup, task: TaskKey, *, alone_at: str = "") -> None:
        self.page, self.project = page, project
        alone = f"{alone_at}/player?project={task.project_id}&task={task.task_id}"
        page.goto(alone if alone_at else project.address(task))
        self.frame = self._ready_frame()
        self.wait_for_picture()

    def _ready_frame(self) -> Frame:
        """The player's frame, with the task open. Label Studio's page replaces the frame while it loads."""
        for _ in range(10):
            frame = self._frame()
            try:
                is_ready = "() => window.masklet?.store.state.ready"
                frame.wait_for_function(is_ready, timeout=TIMEOUT_MS, polling=POLL_MS)
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
        self.frame.wait_for_function(f"() => {STATE}.busy === 0", timeout=TIMEOUT_MS, polling=POLL_MS)
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

    def wait_for_timeline(self) -> None:
        """Until the page knows another frame to look at; by then it knows the human frames too."""
        is_known = f"() => {STATE}.nextUncertain.some(each => each.frame !== {STATE}.frame)"
        self.frame.wait_for_function(is_known, timeout=TIMEOUT_MS)

    def carry_both_ways(self) -> None:
        self.press("g")
        self.wait_until_idle()
        self.wait_until_propagated()

    def wait_until_propagated(self) -> None:
        done = f"() => {STATE}.job && !['queued', 'running'].includes({STATE}.job.state)"
        self.frame.wait_for_function(done, timeout=TIMEOUT_MS, polling=POLL_MS)
        assert self.frame.evaluate(f"() => {STATE}.job.state") == "done"
