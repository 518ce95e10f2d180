"""The README's steps on pages and the guide's on a video, to the letter, at 1366 × 768 without scrolling."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from scripts.demonstration.clip import LABELS
from tests.browser.conftest import PAGES
from tests.browser.driving.builders import CONFIGS, Projects, ProjectSetup, iou, mask_of, picture
from tests.browser.driving.editor import Editor

ROOT = Path(__file__).parents[2]
WINDOW = {"width": 1366, "height": 768}

IS_ON_TOP = """(element) => {
  const box = element.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const found = document.elementFromPoint(x, y);
  return found && (element.contains(found) || found.contains(element)) ? [x, y] : null;
}"""
"""The middle of an element that the mouse reaches, or null: it is outside of the window, or something covers it."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture
def small(label_studio_page: Page) -> Editor:
    """The task page of an annotator with a fresh profile, in a small window."""
    label_studio_page.set_viewport_size(WINDOW)  # type: ignore[arg-type]
    return Editor(label_studio_page)


def numbered(document: str, heading: str) -> list[str]:
    """The numbered steps under a heading of a document, in order, each on one line."""
    section = (ROOT / document).read_text().split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    steps = re.findall(r"^\d\. (.*?)(?=^\d\. |\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s+", " ", step).strip() for step in steps]


def open_task(editor: Editor, address: str) -> None:
    """Opens a task and waits until the page stands: it is drawn again when the task has arrived."""
    editor.open(address)
    editor.page.wait_for_load_state("networkidle")
    editor.page.wait_for_timeout(1000)


def press(page: Page, element: Locator) -> None:
    """A click of the mouse on an element where it is; fails if a person would have to scroll to it."""
    element.wait_for(state="visible")
    place = element.evaluate(IS_ON_TOP)
    assert place is not None, f"{element} is not in the window: {element.bounding_box()}"
    page.mouse.click(*place)
    page.wait_for_timeout(300)


def is_in_view(editor: Editor, x_pct: float, y_pct: float) -> bool:
    """Whether a point of the picture is above the foot of the page."""
    foot = editor.page.get_by_role("button", name="Submit").or_(editor.page.get_by_role("button", name="Update"))
    box = foot.bounding_box()
    assert box is not None
    return editor.place(x_pct, y_pct)[1] < box["y"]


class OnPages:
    """The README's steps on frames as pages."""

    def __init__(self, editor: Editor, project: ProjectSetup) -> None:
        self.editor, self.page, self.project = editor, editor.page, project
        self.follow: Mapping[str, Callable[[], None]] = {
            "Switch **Auto-Annotation** and **Auto-Accept Suggestions** on, at the foot of the page.": self.switch,
            "Choose the purple tool of three dots beside the picture, unless it is highlighted (point at it if it is a "
            "rectangle), then the label **Object 1** in the row *Click*, and click the object: its mask appears. "
            'Alt+click says "not this"; on a mask hold Ctrl as well.': self.click,
            "Choose **▶▶ end** in the row *Click* and click anywhere in the picture: the masks of the pages after this "
            "one appear.": self.propagate,
            "Correct any page the same way or with brush and eraser, wait until the draft is saved, and choose **▶▶ "
            "end** again.": self.correct,
            "Press Submit.": self.submit,
        }

    def switch(self) -> None:
        for text in ("Auto-Annotation", "Auto-Accept Suggestions"):
            press(self.page, self.page.get_by_text(text, exact=True).first)

    def purple(self) -> None:
        """On the next task it is highlighted: a press would switch it off."""
        tool = self.page.locator("button.lsf-tool_smart").first
        if "lsf-tool_active" not in (tool.get_attribute("class") or ""):
            press(self.page, tool)

    def click(self) -> None:
        assert is_in_view(self.editor, 100, 100), "the picture's lower edge is below the foot of the page"
        self.purple()
        press(self.page, self.editor.label(LABELS[0]))
        self.editor.click(*self.project.place(LABELS[0]))
        (region,) = self.editor.regions("brushlabels")
        assert iou(mask_of(region), self.project.truth(LABELS[0], 0)) > 0.5
        x, y = self.project.place(LABELS[0])
        press(self.page, self.editor.label(LABELS[0]))
        answer = self.editor.click(x + 4, y - 4, "Control", "Alt")
        assert "errors" not in answer
        assert [request["context"]["result"][0]["is_positive"] for request in self.editor.requests] == [True, False]

    def propagate(self) -> None:
        for attempt in range(10):  # an answer has the masks that are ready before the deadline
            press(self.page, self.editor.label("▶▶ end"))
            answer = self.editor.click(97.0 - 4 * attempt, 3.0)
            assert "errors" not in answer, answer
            if self.editor.pages_of(LABELS[0]) == list(range(PAGES)):
                return
        pytest.fail(f"masks on pages {self.editor.pages_of(LABELS[0])} only")

    def correct(self) -> None:
        press(self.page, self.page.locator(".lsf-pagination__btn_arrow-right").first)
        assert self.editor.current_page() == 1
        self.editor.wait_for_picture()
        press(self.page, self.editor.label(LABELS[0]))
        self.editor.click(*self.project.place(LABELS[0], 1), "Control")
        self.editor.wait_for_draft()
        self.propagate()

    def submit(self) -> None:
        with self.page.expect_response(lambda reply: "/annotations" in reply.url and reply.request.method == "POST"):
            press(self.page, self.page.get_by_role("button", name="Submit"))


def test_the_readmes_steps_on_pages_work_on_the_first_task_and_on_the_next(
    small: Editor, frames_project: ProjectSetup
) -> None:
    first, second = frames_project.new_task(), frames_project.new_task()
    open_task(small, frames_project.address(first))
    picture(small.page, "steps-1-pages")
    on_pages = OnPages(small, frames_project)
    steps = numbered("README.md", "### On frames as pages")
    assert len(steps) == 5
    for step in steps:
        on_pages.follow[step]()
    picture(small.page, "steps-2-submitted")
    saved = frames_project.api.annotations(first.task_id)
    assert len(saved) == 1, [(each["created_at"], each["completed_by"], len(each["result"])) for each in saved]
    assert {region["item_index"] for region in saved[0]["result"]} == set(range(PAGES))

    open_task(small, frames_project.address(second))
    small.requests.clear()
    for step in steps[1:3]:  # the switches stay on
        on_pages.follow[step]()
    picture(small.page, "steps-3-next-task")


def test_the_how_to_opens_and_closes(small: Editor, frames_project: ProjectSetup) -> None:
    open_task(small, frames_project.address(frames_project.new_task()))
    how_to = small.page.get_by_text("How to: Auto-Annotation on, purple tool, label, click")
    words = small.page.get_by_text("Once: switch Auto-Annotation and Auto-Accept Suggestions on")
    assert not words.is_visible()
    press(small.page, how_to)
    words.wait_for(state="visible")
    picture(small.page, "steps-4-how-to")
    press(small.page, how_to)
    words.wait_for(state="hidden")


def test_the_guides_steps_on_a_video_work(small: Editor, projects: Projects) -> None:
    guide = re.sub(r"\s+", " ", (ROOT / "docs" / "annotating.md").read_text())
    assert "Switch Auto-Annotation on, draw a box, click the box, then choose a label: it is tracked" in guide
    project = projects("Videos, first steps", (CONFIGS / "video.xml").read_text())
    small.open(project.address(project.new_task()))
    small.wait_for_video()
    press(small.page, small.page.get_by_text("Auto-Annotation", exact=True).first)
    x, y = project.place(LABELS[0])
    small.draw_box((x - 10, y - 12), (x + 10, y + 12))
    small.page.mouse.click(*small.place_on_video(x, y))
    answered = len(small.answers)
    press(small.page, small.label(LABELS[0], "label"))
    small.wait_for_answer(answered)
    (track,) = small.regions("videorectangle")
    assert len(track["value"]["sequence"]) > 1
    picture(small.page, "steps-5-video")
