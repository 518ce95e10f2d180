"""What Chromium shows: a video at given times in a <video>, pictures in an <img>, read from a canvas."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from backend.domain.geometry import RgbFrame
from scripts.browser import FLAGS, chromium_path

SCRIPT = Path(__file__).parent / "shown.js"
WAIT_MS = 150
"""After a seek that showed another picture than expected: then the picture is not one that was left from before."""


@dataclass(frozen=True, slots=True)
class Playing:
    """A video that the browser plays, or the error in its words. duration_s: inf if the browser does not know."""

    error: str = ""
    duration_s: float = 0.0


class Chromium:
    """One page of a running Chromium."""

    def __init__(self, page: Page, version: str) -> None:
        self.version = version
        self._page = page

    def open_video(self, address: str) -> Playing:
        answer: dict[str, Any] = self._page.evaluate("address => window.shown.open(address)", address)
        if "error" in answer:
            return Playing(error=str(answer["error"]))
        return Playing(duration_s=float("inf") if answer["duration"] is None else float(answer["duration"]))

    def video_at(self, times_s: Sequence[float], *, settled: bool = False) -> list[RgbFrame | None]:
        """The opened video's picture at each time; None where the browser shows none. settled: waits after a seek."""
        arguments = [list(times_s), WAIT_MS if settled else 0]
        answers = self._page.evaluate("([times, wait]) => window.shown.at(times, wait)", arguments)
        return [_pixels(answer) for answer in answers]

    def picture(self, address: str) -> RgbFrame | None:
        """A picture as it is shown; None if the browser does not show it."""
        return _pixels(self._page.evaluate("address => window.shown.picture(address)", address))


@contextmanager
def open_chromium(server_url: str) -> Iterator[Chromium]:
    """A Chromium with a page of that server, so that the page may read what it draws. Raises InvalidInput."""
    found = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        page = browser.new_page()
        page.goto(server_url)
        page.add_script_tag(path=str(SCRIPT))
        yield Chromium(page, browser.version)
        browser.close()


def _pixels(answer: dict[str, Any] | None) -> RgbFrame | None:
    if answer is None:
        return None
    grey = np.frombuffer(base64.b64decode(answer["greys"]), np.uint8).reshape(answer["height"], answer["width"])
    return np.repeat(grey[..., None], 3, axis=2)
