"""The player in Label Studio's task page: clicks, propagation, undo, and the same state after a reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from scripts.demonstration.clip import LABELS
from tests.browser.conftest import PAGES
from tests.browser.driving.builders import Masklet, Projects, ProjectSetup, iou, picture
from tests.browser.driving.player_page import Player, player_project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Player")


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


def test_skipped_frames_get_masks_later(label_studio_page: Page, project: ProjectSetup) -> None:
    player = Player(label_studio_page, project, project.new_task())
    player.add_object(LABELS[0])
    player.click(*project.place(LABELS[0]))
    for skip, expected in ((2, range(0, PAGES, 3)), (0, range(PAGES))):
        player.frame.get_by_label("skip").fill(str(skip))
        player.press("Shift+F")
        player.wait_until_idle()
        player.wait_until_propagated()
        player.frame.wait_for_function("last => window.masklet.masks.at(last).length === 1", arg=expected[-1])
        assert [frame for frame in range(PAGES) if player.masks(frame)] == list(expected)
        picture(label_studio_page, f"player-4-skip-{skip}")


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
