"""The task page of a crowd's project to verify: the player finds the task by its step, and the note is shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from backend.adapters.labelstudio.config.project_configs import template_named
from backend.adapters.labelstudio.crowd_configs import crowd_config
from backend.domain.crowd.routing import Role
from backend.domain.tasks import TaskKey
from scripts.demonstration.clip import Clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.browser.builders import Masklet, ProjectSetup, picture
from tests.browser.conftest import log_in
from tests.browser.player_page import Player

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ASKED = "() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"
"""The paths that the player has asked for."""


def test_the_page_shows_the_note_and_the_task_of_the_step(
    browser: Browser, label_studio: LabelStudioServer, masklet: Masklet, short: Clip
) -> None:
    page = log_in(browser, label_studio)
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project = api.ensure_project("A crowd: verify", "<View></View>")
        config = crowd_config(
            template_named("player"), Role.VERIFY, public_url=masklet.url, project_id=project, is_redone=True
        )
        api.ensure_project("A crowd: verify", config)
        backend = api.ensure_backend(project, masklet.url, masklet.version)
        setup = ProjectSetup(api, project, backend, short)
        api.ensure_local_files(project, short.folder.parent)
        video = {"video": str(short.addresses()["video"])}
        noted = api.add_task(project, {**video, "crowd_step": "big cats/3/41/3", "crowd_note": "Redo 1 of 3."})
        plain = api.add_task(project, {**video, "crowd_step": "big cats/3/41/5"})
        for task, note in ((noted, "Redo 1 of 3."), (plain, "")):
            player = Player(page, setup, TaskKey(project, task))
            asked = player.frame.evaluate(ASKED)
            assert f"/api/player/tasks/{project}/{task}" in asked
            page.get_by_text("Verify: are the masks right on all frames?").wait_for()
            text = page.locator("body").inner_text()
            assert (note in text, "$crowd" in text) == (True, False)
            picture(page, f"crowd-{'noted' if note else 'plain'}")
        page.get_by_role("button", name="Submit").first.click()
        page.get_by_text("Choose satisfactory, redo or reject").first.wait_for()
    page.context.close()
