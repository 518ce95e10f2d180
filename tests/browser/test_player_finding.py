"""Objects found by a text in the player, by a detector that was trained on the clip."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from scripts.demonstration.clip import LABELS
from tests.browser.driving.builders import Masklet, Projects, ProjectSetup, iou, picture
from tests.browser.driving.player_page import Player, player_project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

FISH = LABELS[2]


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Player finding")


def test_what_a_text_describes_becomes_objects_with_masks(label_studio_page: Page, project: ProjectSetup) -> None:
    player = Player(label_studio_page, project, project.new_task())
    field, notice = player.frame.get_by_label("Find objects by a text"), player.frame.locator(".notice")
    player.press("/")
    expect(field).to_be_focused()
    label_studio_page.keyboard.type("fish")
    label_studio_page.keyboard.press("Enter")
    for _ in range(10):
        expect(notice).to_be_visible()
        if "no worker answered" not in notice.inner_text():
            break
        field.press("Enter")  # on a busy machine the detector's load takes longer than a search may
        expect(player.frame.get_by_role("button", name="Find", exact=True)).to_be_enabled()
    expect(notice).to_contain_text(f"Found on frame 1: {LABELS[0]} for “fish”.")
    (prompt,) = player.prompts()
    assert (prompt["object"], prompt["points"], prompt["mask"]) == (LABELS[0], [], None)
    assert iou(player.masks(0)[LABELS[0]], project.truth(FISH, 0)) > 0.5
    picture(label_studio_page, "player-finding-1-found")

    label_studio_page.keyboard.press("Enter")
    expect(notice).to_contain_text("Nothing new like “fish” is on frame 1. One more is marked already.")
    field.fill("dog")
    player.frame.get_by_role("button", name="Find", exact=True).click()
    expect(notice).to_contain_text("Nothing like “dog” was found on frame 1.")
    picture(label_studio_page, "player-finding-2-nothing")
    assert [each["object"] for each in player.prompts()] == [LABELS[0]]

    field.press("Escape")
    expect(player.frame.locator("canvas.stage")).to_be_focused()
    player.press("Control+z")
    player.wait_until_idle()
    assert (player.prompts(), player.masks(0)) == ([], {})
