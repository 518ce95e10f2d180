"""Label Studio's task page as an annotator uses it: switches, tools, labels, clicks, strokes, the saved result.

The page's state is read from its own store (`window.Htx`). An annotator's actions go through mouse and keyboard.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Locator, Page, Request, Response, TimeoutError

from tests.browser.driving.page_scripts import (
    HAS_NO_LABEL,
    HAS_PICTURE,
    IDLE,
    IS_ONE_SELECTED_HERE,
    IS_SELECTED,
    PAGE,
    PICTURE_AT_REST,
    PLACE,
    PLACE_ON_VIDEO,
    POLL_MS,
    READY,
    REGIONS,
    VIDEO_AT_REST,
)

Json = dict[str, Any]
ANSWER_S = 120.0
SELECT_S = 5.0
"""How long a click may take to select a region. The page ignores a click on a mask that it has not drawn yet."""


@dataclass
class Editor:
    """One annotator's page. `requests` and `answers`: the page's requests to the backend and the answers, in order."""

    page: Page
    tag: str = "frames"
    requests: list[Json] = field(default_factory=list)
    answers: list[Json] = field(default_factory=list)
    _sent: list[Request] = field(default_factory=list, init=False)
    """The page's requests that save a draft."""
    _saved: list[Request] = field(default_factory=list, init=False)
    """Those of them that Label Studio answered."""
    _sent_before_change: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)

    def _on_request(self, request: Request) -> None:
        if request.url.endswith("/interactive-annotating"):
            self.requests.append(json.loads(request.post_data or "{}"))
        elif "/drafts" in request.url and request.method != "GET":
            self._sent.append(request)

    def _on_response(self, response: Response) -> None:
        if response.url.endswith("/interactive-annotating"):
            sent = len(self._sent)  # while the answer is read, the page may send a draft with it
            self.answers.append(response.json())
            self._sent_before_change = sent
        elif response.request in self._sent and response.ok:
            self._saved.append(response.request)

    # opening

    def open(self, address: str) -> None:
        """Open a task and wait until its regions can be drawn."""
        self.page.goto("about:blank")
        self.page.goto(address)
        self.page.wait_for_function(READY, polling=POLL_MS)
        self.page.locator(".lsf-label").first.wait_for()
        if self.page.evaluate(HAS_PICTURE, self.tag):
            self.wait_for_picture()

    def switch(self, *, auto_annotation: bool = True, auto_accept: bool = True) -> None:
        """Set the two switches at the page's foot."""
        self._toggle("Auto-Annotation", "autoAnnotation", auto_annotation)
        if auto_annotation and self._stored("autoAcceptSuggestions") != auto_accept:
            self._toggle("Auto-Accept Suggestions", "autoAcceptSuggestions", auto_accept)

    def _toggle(self, text: str, name: str, wanted: bool) -> None:
        if self._stored(name) != wanted:
            self.page.get_by_text(text, exact=True).first.click()
            self.page.wait_for_function(f"(wanted) => window.Htx.{name} === wanted", arg=wanted)

    def _stored(self, name: str) -> bool:
        return bool(self.page.evaluate(f"() => window.Htx.{name}"))

    # tools and labels

    def choose_auto_detect(self, tool: str = "key-point-tool") -> None:
        """The purple tool of that name, from the fly-out of the toolbar's first icon."""
        smart = self.page.locator(f"button.lsf-tool_smart[aria-label='{tool}']")
        if not smart.first.is_visible():
            self.page.locator("button.lsf-tool_smart").first.hover()
        smart.first.click()

    def choose_tool(self, tool: str) -> None:
        self.page.locator(f"button.lsf-tool[aria-label='{tool}']:not(.lsf-tool_smart)").first.click()

    def label(self, text: str, control: str = "point") -> Locator:
        """A label's button in the control tag of that name."""
        position = self.page.evaluate(
            """([control, text]) => {
              const tags = [...window.Htx.annotationStore.selected.names.values()];
              const labels = tags.filter(tag => tag.children?.length && tag.type.endsWith('labels'))
                .flatMap(tag => tag.children.map(label => [tag.name, label._value]));
              return labels.findIndex(([name, value]) => name === control && value === text);
            }""",
            [control, text],
        )
        assert position >= 0, f"the page has no label {text!r} in {control!r}"
        return self.page.locator(".lsf-label").nth(position)

    def choose_label(self, text: str, control: str = "point") -> None:
        """Choose a label, unless it is chosen already (a second click would clear it)."""
        is_chosen = self.page.evaluate(
            """([control, text]) => window.Htx.annotationStore.selected.names.get(control)
              .children.find(label => label._value === text).selected""",
            [control, text],
        )
        if not is_chosen:
            self.label(text, control).click()

    # an annotator's actions on a frame

    def go_to_page(self, page: int) -> None:
        """page: 0-based. Uses the pager's field."""
        self.page.evaluate(
            "([tag, page]) => window.Htx.annotationStore.selected.names.get(tag).setCurrentImage(page)",
            [self.tag, page],
        )
        self.page.wait_for_function(f"([tag, page]) => ({PAGE})(tag) === page", arg=[self.tag, page])
        self.wait_for_picture()

    def wait_for_picture(self) -> None:
        """Wait until the open page has its picture, in its final size.

        Each load and change of size makes Label Studio forget a draft that waits to be saved. The next change saves it.
        """
        self.page.wait_for_function(PICTURE_AT_REST, arg=self.tag)

    def place(self, x_pct: float, y_pct: float) -> tuple[float, float]:
        x, y = self.page.evaluate(PLACE, [self.tag, x_pct, y_pct])
        return float(x), float(y)

    def click(self, x_pct: float, y_pct: float, *keys: str) -> Json:
        """Click a point of the image with keys held down, and return the backend's answer once it is on the page."""
        answered = len(self.answers)
        self.click_only(x_pct, y_pct, *keys)
        return self.wait_for_answer(answered)

    def click_only(self, x_pct: float, y_pct: float, *keys: str) -> None:
        """Click without waiting for the answer."""
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.click(*self.place(x_pct, y_pct))
        for key in keys:
            self.page.keyboard.up(key)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, steps: int = 8) -> None:
        """Press, move, release; start and end are percent of the image."""
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self._sent_before_change = len(self._sent)
        self.page.mouse.up()

    def wait_for_answer(self, answered: int) -> Json:
        """The answer after that many, once it is on the page."""
        deadline = time.monotonic() + ANSWER_S
        while len(self.answers) <= answered:
            assert time.monotonic() < deadline, "the page got no answer"
            self.page.wait_for_timeout(20)
        self.page.wait_for_function(IDLE)
        self.page.wait_for_timeout(100)
        return self.answers[-1]

    def current_page(self) -> int:
        """0-based."""
        return int(self.page.evaluate(PAGE, self.tag))

    def select_at(self, x_pct: float, y_pct: float) -> None:
        """Select the region at a point, clicking again until it is: brush, eraser and keys work on it."""
        self.choose_tool("move-tool")
        deadline = time.monotonic() + ANSWER_S
        is_selected = False
        while not is_selected:
            assert time.monotonic() < deadline, f"the page selects no region at {x_pct}, {y_pct}"
            self.page.mouse.click(*self.place(x_pct, y_pct))
            with suppress(TimeoutError):
                self.page.wait_for_function(IS_ONE_SELECTED_HERE, arg=self.tag, timeout=SELECT_S * 1000)
            is_selected = self.page.evaluate(IS_ONE_SELECTED_HERE, self.tag)

    def delete_at(self, x_pct: float, y_pct: float) -> None:
        """Delete the region at a point by key, and wait until the page is without it."""
        self.select_at(x_pct, y_pct)
        before = len(self.regions())
        self.page.keyboard.press("Backspace")
        self.page.wait_for_function(f"(before) => ({REGIONS})().length < before", arg=before)

    def keep_label_selected(self) -> None:
        """Switch "Keep label selected after creating a region" on, as the page's settings do."""
        self.page.evaluate(
            "() => window.Htx.settings.continuousLabeling || window.Htx.settings.toggleContinuousLabeling()"
        )

    # a video

    def wait_for_video(self) -> None:
        """Waits until the video and the stage over it are there, and neither is replaced or moved for a second."""
        self.page.evaluate("() => { window.videoAtRest = undefined; }")
        self.page.wait_for_function(VIDEO_AT_REST)

    def go_to_frame(self, number: int) -> None:
        """number: 1-based, as the page counts."""
        self.page.evaluate("(n) => window.Htx.annotationStore.selected.names.get('video').setFrame(n)", number)
        self.page.wait_for_timeout(400)

    def draw_box(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a box on the current frame; start and end are percent of the picture."""
        (x0, y0), (x1, y1) = self.place_on_video(*start), self.place_on_video(*end)
        before = len(self.regions())
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move(x1, y1, steps=8)
        self.page.mouse.up()
        self.page.wait_for_function(f"(before) => ({REGIONS})().length > before", arg=before)
        self.page.wait_for_timeout(200)

    def place_on_video(self, x_pct: float, y_pct: float) -> tuple[float, float]:
        x, y = self.page.evaluate(PLACE_ON_VIDEO, [x_pct, y_pct])
        return float(x), float(y)

    def select_region(self, region_id: str) -> None:
        """Select a region by its id, and wait until it is selected."""
        self.page.evaluate(
            """(id) => {
              const annotation = window.Htx.annotationStore.selected;
              annotation.unselectAll();
              annotation.selectArea(annotation.regions.find(region => region.cleanId === id));
            }""",
            region_id,
        )
        self.page.wait_for_function(IS_SELECTED, arg=region_id)

    def set_label(self, text: str) -> Json:
        """Click a label while a box is selected, which sends a request to the backend; returns its answer."""
        answered = len(self.answers)
        self.page.locator(".lsf-label", has_text=text).first.click()
        return self.wait_for_answer(answered)

    def take_label_off(self, text: str) -> None:
        """Click the label of the selected box."""
        self.page.locator(".lsf-label", has_text=text).first.click()
        self.page.wait_for_function(HAS_NO_LABEL)

    # the annotation

    @property
    def user(self) -> str:
        """The e-mail address of the logged-in user."""
        return str(self.page.evaluate("() => window.APP_SETTINGS.user.email"))

    def region(self, region_id: str) -> Json:
        (found,) = [region for region in self.regions("brushlabels") if region["id"] == region_id]
        return found

    def suggested_pages(self) -> list[int]:
        """The 0-based pages of the suggestions that are neither accepted nor rejected yet."""
        pages = self.page.evaluate(
            "() => [...window.Htx.annotationStore.selected.suggestions.values()].map(s => s.item_index)"
        )
        return sorted(int(page) for page in pages)

    def regions(self, kind: str = "") -> list[Json]:
        """The annotation's result as the page would save it now; kind: only regions of that type."""
        result: list[Json] = self.page.evaluate(REGIONS)
        return [region for region in result if not kind or region["type"] == kind]

    def pages_of(self, label: str) -> list[int]:
        """The 0-based pages that have a mask of that label, ascending."""
        masks = (r for r in self.regions("brushlabels") if r["value"]["brushlabels"] == [label])
        return sorted(region["item_index"] for region in masks)

    def submit(self) -> None:
        """Submit or update, and wait until Label Studio has it."""
        with self.page.expect_response(
            lambda reply: "/annotations" in reply.url and reply.request.method in ("POST", "PATCH")
        ):
            self.page.get_by_role("button", name="Submit").or_(self.page.get_by_role("button", name="Update")).click()

    def wait_for_draft(self) -> None:
        """Wait until the page has saved a draft with the last answer, or the last drag.

        On a busy machine it may have done so before it was asked.
        """
        deadline = time.monotonic() + ANSWER_S
        while not any(request in self._saved for request in self._sent[self._sent_before_change :]):
            assert time.monotonic() < deadline, "the page saved no draft"
            self.page.wait_for_timeout(50)
