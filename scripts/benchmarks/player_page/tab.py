"""The player in a tab of Chromium: opens it, moves the mouse, and reads the probe's paints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Frame, Page, sync_playwright

from scripts.browser import FLAGS, chromium_path
from scripts.label_studio.server import LabelStudioServer

VIEWPORT = {"width": 1400, "height": 1100}
PATIENCE_MS = 180_000
PROPAGATION_MS = 1_800_000
"""The longest wait for a propagation."""

POLL_MS = 100
"""Between two evaluations of a condition. Times are the probe's: the poll adds nothing to them."""

PROBE = Path(__file__).parent / "probe.js"
PLACE = """([x, y]) => {
  const stage = window.masklet.stage, place = stage.place(), box = stage.canvas.getBoundingClientRect();
  return [box.left + place.left + x * place.width, box.top + place.top + y * place.height];
}"""
READY = "() => window.masklet?.store.state.ready && window.masklet_probe.paints.some((paint) => paint.complete)"
STATE = "window.masklet.store.state"
KNOWN = "(frame) => window.masklet.masks.at(frame).filter((mask) => mask.rle).length"

Json = dict[str, Any]


class NotHappened(Exception):
    """What the benchmark waits for did not happen at all; the message names it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield browser
        browser.close()


def log_in(browser: Browser, server: LabelStudioServer) -> BrowserContext:
    """A profile of Label Studio's user, with the probe in every page."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(path=PROBE)
    page = context.new_page()
    page.goto(f"{server.url}/user/login")
    page.fill("input[name=email]", server.login.username)
    page.fill("input[name=password]", server.login.password)
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")
    page.close()
    return context


class PlayerTab:
    """The player in a page; frame: of the player, which may stand inside Label Studio's page."""

    def __init__(self, page: Page, frame: Frame | None = None) -> None:
        self.page = page
        self.frame = frame or page.main_frame

    def wait(self, condition: str, what: str, arg: object = None, *, timeout_ms: float = PATIENCE_MS) -> Any:  # noqa: ANN401
        """The value of a JavaScript condition once it is true. Raises NotHappened naming `what`."""
        try:
            return self.frame.wait_for_function(condition, arg=arg, timeout=timeout_ms, polling=POLL_MS).json_value()
        except Error as error:
            notice = self.frame.locator(".notice").all_inner_texts()
            raise NotHappened(f"{what} (the page says: {notice}; {str(error).splitlines()[0]})") from error

    def open(self, address: str) -> float:
        """Opens the player; returns the milliseconds until the first picture is painted."""
        self.page.goto(address)
        self.wait(READY, "no picture was painted after opening")
        first = "() => window.masklet_probe.paints.find((paint) => paint.complete).at"
        return float(self.frame.evaluate(first))

    def move(self, x_rel: float, y_rel: float) -> None:
        """Moves the mouse to a point of the picture."""
        self.page.mouse.move(*self.point(x_rel, y_rel))

    def point(self, x_rel: float, y_rel: float) -> tuple[float, float]:
        """Where a point of the picture is in the page, in CSS pixels."""
        x, y = self.frame.evaluate(PLACE, [x_rel, y_rel])
        if self.frame is not self.page.main_frame:
            box = self.frame.frame_element().bounding_box()
            assert box is not None, "the player's frame is visible"
            x, y = x + box["x"], y + box["y"]
        return float(x), float(y)

    def add_object(self, label: str) -> None:
        self.frame.get_by_role("button", name=f"+ {label}", exact=True).click()

    def choose(self, name: str) -> None:
        """Selects an object by its key, or adds one that is named as its label."""
        position = int(self.frame.evaluate(f"(id) => {STATE}.objects.findIndex((each) => each.id === id)", name))
        if position < 0:
            self.add_object(name)
        else:
            self.press(str(position + 1))

    def press(self, key: str) -> None:
        self.frame.locator("canvas.stage").press(key)

    def show(self, frame: int, *, masks: int = 0) -> None:
        """Moves the play head, and waits until the picture and that many masks are painted."""
        self.frame.evaluate("(frame) => window.masklet.store.act('frame', frame)", frame)
        condition = """([frame, masks]) => {
          const last = window.masklet_probe.paints.at(-1);
          return last && last.complete && last.frame === frame && last.known >= masks;
        }"""
        self.wait(condition, f"frame {frame} was not painted", [frame, masks])

    def known(self, frame: int) -> int:
        """The count of objects with a mask on a frame, as far as the page knows."""
        return int(self.frame.evaluate(KNOWN, frame))

    def painted_after(self, event: str, test: str, what: str, *, arg: object = None, timeout_ms: float) -> float:
        """Milliseconds from the last input event of that name to the first paint that meets `test`.

        test: a JavaScript expression of `paint` and `arg`. Raises NotHappened naming `what`.
        """
        condition = f"""([event, arg]) => {{
          const {{ paints, last }} = window.masklet_probe;
          const found = paints.find((paint) => paint.at > last[event] && ({test}));
          return found ? found.at - last[event] : 0;
        }}"""
        return float(self.wait(condition, what, [event, arg], timeout_ms=timeout_ms))

    def inputs(self) -> Json:
        """The trusted presses of mouse buttons and keys so far, in all frames of the page."""
        counted = [frame.evaluate("() => window.masklet_probe?.inputs") for frame in self.page.frames]
        found = [each for each in counted if each]
        return {name: sum(each[name] for each in found) for name in ("pointerdown", "keydown")}
