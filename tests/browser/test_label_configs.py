"""Every file in label_config/ opens in the real Label Studio page, with a real task, without an error.

The player's, which needs Masklet, is opened in test_connect.py, like those of a crowd.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import ConsoleMessage, Page

from scripts.demonstration.clip import Clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.browser.driving.builders import CONFIGS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@dataclass
class PageErrors:
    """Errors that a page logs or throws."""

    seen: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"uncaught: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"{message.text} ({message.location.get('url', '')})")


def test_there_are_nine_configs() -> None:
    of_crowds = ["crowd_select", "crowd_track", "crowd_verify"]
    names = [*of_crowds, "frames", "keyframe", "player", "video", "video_overlay", "video_vector"]
    assert sorted(path.stem for path in CONFIGS.glob("*.xml")) == names


def open_task(name: str, page: Page, clip: Clip, server: LabelStudioServer) -> PageErrors:
    """Make a project of the config with a task of the clip, and open the task; returns the page's errors."""
    with LabelStudioApi(server.url, server.login.token) as api:
        project_id = api.ensure_project(f"Opens {name}", (CONFIGS / f"{name}.xml").read_text())
        api.ensure_local_files(project_id, clip.folder.parent)
        task_id = api.ensure_task(project_id, clip.addresses())
    errors = PageErrors()
    errors.listen(page)
    page.goto(api.task_address(project_id, task_id))
    return errors


@pytest.mark.parametrize("name", ["frames", "keyframe", "video", "video_overlay"])
def test_config_opens_with_all_its_tags_and_no_error(
    name: str, page: Page, clip: Clip, label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = (CONFIGS / f"{name}.xml").read_text()
    errors = open_task(name, page, clip, label_studio)
    page.wait_for_function("() => window.Htx?.annotationStore?.selected?.names?.size > 0")
    page.locator(".lsf-label").first.wait_for()
    page.wait_for_load_state("networkidle")

    names = page.evaluate("() => [...window.Htx.annotationStore.selected.names.keys()]")
    labels = {text.strip() for text in page.locator(".lsf-label__text").all_inner_texts()}
    page.screenshot(path=str(tmp_path_factory.getbasetemp() / f"label_config-{name}.png"))
    assert set(re.findall(r"<\w+ name=\"(\w+)\"", config)) == set(names)
    assert set(re.findall(r"<Label value=\"([^\"]+)\"", config)) <= labels
    assert errors.seen == []


def test_the_open_source_page_lacks_video_vector_only(page: Page, clip: Clip, label_studio: LabelStudioServer) -> None:
    """That tag is in Label Studio Enterprise alone; a page without it shows only an error."""
    errors = open_task("video_vector", page, clip, label_studio)
    page.get_by_text("Tag with name videovector is not registered").wait_for()
    assert [text.partition("\n")[0] for text in errors.seen] == ["ConfigurationError: Not expecting tag: videovector"]
