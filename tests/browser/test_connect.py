"""A project that `masklet connect` connected: its task page shows the player, and the README's steps work in it.

So does that of a crowd's project, in which the player finds a task by its step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from backend.adapters.labelstudio.config.project_configs import template_named
from backend.adapters.labelstudio.crowd.role_configs import crowd_config
from backend.application.projects.connect import Connector
from backend.application.projects.plan import ConfigChoice
from backend.domain.crowd.routing import Role
from backend.domain.tasks import TaskKey
from scripts.demonstration.clip import LABELS, Clip
from scripts.demonstration.projects import connector_of
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.browser.conftest import PAGES, TIMEOUT_MS
from tests.browser.driving.builders import Masklet, ProjectSetup, iou, picture
from tests.browser.driving.editor import Editor
from tests.browser.driving.player_page import STATE, Player

OWN = """<View>
  <Header value="Cells and nuclei"/>
  <Choices name="stage" toName="clip"><Choice value="early"/><Choice value="late"/></Choices>
  <Labels name="kind" toName="clip"><Label value="Cell" background="#112233"/><Label value="Nucleus"/></Labels>
  <Video name="clip" value="$video" framerate="24" height="200"/>
  <VideoRectangle name="rect" toName="clip"/>
</View>"""
README = (Path(__file__).parents[2] / "README.md").read_text()
ASKED = "() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"
"""The paths that the player has asked for."""

WINDOW = {"width": 1366, "height": 768}

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def connector(label_studio: LabelStudioServer, masklet: Masklet) -> Iterator[Connector]:
    with connector_of(label_studio, masklet.process) as opened:
        yield opened


@pytest.fixture
def task_page(label_studio_page: Page) -> Page:
    label_studio_page.set_viewport_size(WINDOW)  # type: ignore[arg-type]
    return label_studio_page


def choice(page: Page, value: str) -> Locator:
    """A choice of Label Studio's, which is followed by its key."""
    return page.get_by_text(re.compile(rf"^{value}(\[\d\])?$")).first


def set_up(api: LabelStudioApi, connector: Connector, project_id: int, clip: Clip) -> ProjectSetup:
    api.ensure_local_files(project_id, clip.folder.parent)
    return ProjectSetup(api, project_id, connector.projects.backends(project_id)[0].backend_id, clip)


def test_a_project_with_labels_of_its_own_shows_the_player(
    task_page: Page, label_studio: LabelStudioServer, connector: Connector, short: Clip
) -> None:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project_id = api.ensure_project("Own labels", OWN)
        connector.apply(connector.plan(project_id, ConfigChoice.PLAYER))
        project = set_up(api, connector, project_id, short)
        player = Player(task_page, project, project.new_task())
        assert player.frame.locator("canvas.stage").is_visible()
        player.add_object("Cell")
        player.click(*project.place(LABELS[0]))
        assert iou(player.masks(0)["Cell"], project.truth(LABELS[0], 0)) > 0.5
        picture(task_page, "connect-1-own-labels")
        names = set(task_page.evaluate("() => [...window.Htx.annotationStore.selected.names.keys()]"))
        assert names == {"player", "verdict", "comment", "stage", "kind", "clip", "rect"}


def test_the_steps_of_the_readme(
    task_page: Page, label_studio: LabelStudioServer, connector: Connector, short: Clip
) -> None:
    steps = README.partition("### In the player\n")[2].partition("\n### ")[0]
    assert [line[:2] for line in steps.strip().splitlines()] == ["1.", "2.", "3.", "4.", "5."]
    buttons = re.findall(r"\*\*(.+?)\*\*", steps)
    verdicts = re.findall(r"\*(\w+)\*", steps.splitlines()[-1])
    assert buttons == ["+ Object 1", "end ▶▶", "Next uncertain", "✓ Right", "end ▶▶"]
    assert verdicts == ["satisfactory", "redo", "reject"]
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        plan, _ = connector.create("Steps of the README", ConfigChoice.PLAYER)
        project = set_up(api, connector, plan.project.project_id, short)
        task = project.new_task()
        player = Player(task_page, project, task)

        def press(name: str) -> None:
            player.frame.get_by_role("button", name=name, exact=True).click()
            player.wait_until_idle()

        box = player.frame.locator("canvas.stage").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < WINDOW["height"]
        for verdict in verdicts:
            assert choice(task_page, verdict).is_visible()

        press(buttons[0])
        player.click(*project.place(LABELS[0]))
        for button in (buttons[1], buttons[4]):
            press(button)
            ended = f"() => {STATE}.job && !['queued', 'running'].includes({STATE}.job.state)"
            player.frame.wait_for_function(ended, timeout=TIMEOUT_MS)
        player.frame.wait_for_function("last => window.masklet.masks.at(last).length === 1", arg=PAGES - 1)
        assert iou(player.masks(PAGES - 1)[LABELS[0]], project.truth(LABELS[0], PAGES - 1)) > 0.4
        player.press("ArrowRight")
        player.wait_for_timeline()
        press(buttons[2])
        frame = player.frame.evaluate(f"() => {STATE}.frame")
        assert frame != 1
        press(buttons[3])
        player.frame.wait_for_function("at => window.masklet.masks.at(at)[0].origin === 'human'", arg=frame)
        picture(task_page, "connect-2-steps-of-the-readme")

        choice(task_page, verdicts[0]).click()
        Editor(task_page).submit()
        (annotation,) = api.annotations(task.task_id)
        assert [region["value"] for region in annotation["result"] if region["from_name"] == "verdict"] == [
            {"choices": ["satisfactory"]}
        ]


def test_the_page_of_a_crowd_shows_the_note_and_the_task_of_the_step(
    label_studio_page: Page, label_studio: LabelStudioServer, masklet: Masklet, short: Clip
) -> None:
    page = label_studio_page
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
