"""Submit and Update in Label Studio's page keep the regions that Masklet writes from the player's masks."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Page

from backend.adapters.labelstudio.written_regions import is_unchanged, reference_of
from backend.domain.tasks import TaskKey
from scripts.demonstration.clip import LABELS
from tests.browser.conftest import PAGES
from tests.browser.driving.builders import Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor
from tests.browser.driving.player_page import Player, player_project

TIMEOUT_S = 180.0
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Player, submitted")


def written(project: ProjectSetup, task: TaskKey, *, other_than: str = "") -> dict[str, Any]:
    """The annotation once it has regions of Masklet. other_than: an earlier time of change."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        for found in project.api.annotations(task.task_id):
            if found["updated_at"] != other_than and any(reference_of(region) for region in found["result"]):
                return found
        time.sleep(0.5)
    pytest.fail("nothing was written")


def test_the_page_keeps_the_regions_through_update(label_studio_page: Page, project: ProjectSetup) -> None:
    task = project.new_task()
    player = Player(label_studio_page, project, task)
    for label in LABELS[:2]:
        player.add_object(label)
        player.click(*project.place(label))
    player.carry_both_ways()
    Editor(label_studio_page).submit()
    before = written(project, task)
    regions = [region for region in before["result"] if reference_of(region)]
    assert {region["meta"]["masklet"]["object"] for region in regions} == set(LABELS[:2])
    # The config's frame rate is half of the video's: a number in Label Studio has two frames.
    assert {len(region["value"]["sequence"]) for region in regions} == {PAGES // 2}

    Player(label_studio_page, project, task)
    label_studio_page.get_by_text("satisfactory").first.click()
    picture(label_studio_page, "player-submit-1-update")
    Editor(label_studio_page).submit()
    after = written(project, task, other_than=before["updated_at"])
    assert [region["type"] for region in after["result"]].count("choices") == 1
    kept = [region for region in after["result"] if (found := reference_of(region)) and is_unchanged(region, found)]
    assert {region["id"] for region in kept} == {region["id"] for region in regions}
    assert [reference_of(region) for region in kept] == [reference_of(region) for region in regions]
