"""Masklet's pages in a browser without a login to Label Studio: a token opens them, and a reload keeps them open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.label_studio.server import LabelStudioServer
from tests.browser.conftest import TIMEOUT_MS, WINDOW
from tests.browser.driving.builders import Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.player_page import player_project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(projects: Projects, masklet: Masklet) -> ProjectSetup:
    return player_project(projects, masklet, "Signed out")


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """A page in a profile without cookies."""
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


def give_token(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_the_player_opens_after_a_token(
    stranger: Page, project: ProjectSetup, masklet: Masklet, label_studio: LabelStudioServer
) -> None:
    task = project.new_task()
    stranger.goto(f"{masklet.url}/player?project={task.project_id}&task={task.task_id}")
    expect(stranger.get_by_role("alert")).to_contain_text("You are not signed in to Label Studio")
    picture(stranger, "sign-in-1-player")
    give_token(stranger, "nobodys")
    expect(stranger.get_by_role("alert")).to_contain_text("Label Studio")
    expect(stranger.get_by_label("Token")).to_be_visible()
    give_token(stranger, label_studio.login.token)
    stranger.wait_for_function("() => window.masklet.store.state.ready")
    expect(stranger.get_by_label("Token")).to_have_count(0)
    expect(stranger.get_by_role("alert")).to_have_count(0)
    stranger.reload()
    stranger.wait_for_function("() => window.masklet?.store.state.ready")
    assert stranger.evaluate("() => window.masklet.store.state.user") == label_studio.login.username


def test_an_ended_sign_in_is_renewed_in_the_open_player(
    stranger: Page, project: ProjectSetup, masklet: Masklet, label_studio: LabelStudioServer
) -> None:
    """By the token that the page remembers; after a reload nothing is known any more."""
    task = project.new_task()
    address = f"{masklet.url}/player?project={task.project_id}&task={task.task_id}"
    stranger.goto(address)
    give_token(stranger, label_studio.login.token)
    stranger.wait_for_function("() => window.masklet.store.state.ready")
    stranger.context.clear_cookies()
    stranger.evaluate("() => window.masklet.masks.invalidate()")
    stranger.evaluate("() => window.masklet.prompts.transport.timeline()")
    expect(stranger.get_by_label("Token")).to_have_count(0)
    # A call of the open page would sign in again.
    stranger.goto("about:blank")
    stranger.context.clear_cookies()
    stranger.goto(address)
    expect(stranger.get_by_label("Token")).to_be_visible()


def test_the_leads_page_opens_after_a_token(
    stranger: Page, project: ProjectSetup, masklet: Masklet, label_studio: LabelStudioServer
) -> None:
    stranger.goto(f"{masklet.url}/lead?project={project.project_id}")
    expect(stranger.get_by_role("alert")).to_contain_text("You are not signed in to Label Studio")
    give_token(stranger, label_studio.login.token)
    expect(stranger.get_by_role("button", name="Videos")).to_be_visible()
    expect(stranger.get_by_label("Token")).to_have_count(0)
    stranger.reload()
    expect(stranger.get_by_role("button", name="Videos")).to_be_visible()
    expect(stranger.get_by_label("Token")).to_have_count(0)


def test_the_leads_page_names_a_project_that_is_newer_than_its_list(
    stranger: Page, project: ProjectSetup, projects: Projects, masklet: Masklet, label_studio: LabelStudioServer
) -> None:
    stranger.goto(f"{masklet.url}/lead?project={project.project_id}")
    give_token(stranger, label_studio.login.token)
    expect(stranger.get_by_label("Project")).to_have_value(str(project.project_id))
    newer = player_project(projects, masklet, "Newer than the list")
    stranger.goto(f"{masklet.url}/lead?project={newer.project_id}")
    expect(stranger.get_by_role("button", name="Videos")).to_be_visible()
    expect(stranger.get_by_label("Project")).to_have_value(str(newer.project_id))
