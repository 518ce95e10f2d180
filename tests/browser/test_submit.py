"""A submitted annotation is propagated, and the next annotator starts from the prediction: by webhook, and by poll."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import BrowserContext

from backend.adapters.store.key_value import FileKeyValueStore
from backend.application.annotation.change_detection import poll_position_name
from backend.domain.tasks import TaskKey
from scripts.label_studio.server import LabelStudioServer
from tests.browser.conftest import fresh_page
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor

TIMEOUT_S = 180.0
EVERY_PAGE = list(range(8))
FUTURE = b"2999-01-01T00:00:00.000000Z"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def submit_one_click(editor: Editor, project: ProjectSetup, task: TaskKey) -> None:
    """Click one object on the first page, and submit."""
    editor.open(project.address(task))
    editor.switch()
    editor.choose_auto_detect()
    editor.choose_label("Object 1")
    editor.click(*project.place("Object 1"))
    editor.submit()


def wait_for_first_poll(project: ProjectSetup, masklet: Masklet) -> None:
    """Wait until the project was polled once. Annotations from before the first poll are ignored."""
    deadline = time.monotonic() + TIMEOUT_S
    while key_values_of(masklet).read(poll_position_name(project.project_id)) is None:
        assert time.monotonic() < deadline, "the project was not polled"
        time.sleep(0.1)


def let_polls_find_nothing(project: ProjectSetup, masklet: Masklet) -> None:
    """Move the project's poll position, which the first poll writes, into the future: webhooks alone are heard then."""
    wait_for_first_poll(project, masklet)
    key_values_of(masklet).write(poll_position_name(project.project_id), FUTURE)


def key_values_of(masklet: Masklet) -> FileKeyValueStore:
    return FileKeyValueStore(masklet.process.data_dir / "notes")


def wait_for_channel(project: ProjectSetup, masklet: Masklet, channel: str) -> None:
    """Wait until Masklet reports the channel of the project's annotations. It reads it about every second."""
    deadline = time.monotonic() + TIMEOUT_S
    reported = ""
    while reported != channel:
        assert time.monotonic() < deadline, f"Masklet reports {reported!r}, not {channel!r}"
        health = masklet.process.get("/health") or {}
        reported = health.get("annotations", {}).get(str(project.project_id), "")
        time.sleep(0.1)


def wait_for_prediction(project: ProjectSetup, task: TaskKey) -> list[int]:
    """The pages of the masks of the task's one prediction, once there is one."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := project.api.predictions(task.task_id)):
        assert time.monotonic() < deadline, "nothing was propagated"
        time.sleep(0.5)
    (prediction,) = found
    return sorted(region["item_index"] for region in prediction.result)


@pytest.mark.parametrize("channel", ["webhook", "poll"])
def test_a_submit_becomes_the_next_annotators_prediction(
    channel: str,
    editor: Editor,
    projects: Projects,
    masklet: Masklet,
    profile: BrowserContext,
    label_studio: LabelStudioServer,
) -> None:
    project = projects(f"Submitted, {channel}", (CONFIGS / "frames.xml").read_text())
    if channel == "poll":
        assert project.api.remove_webhooks(project.project_id) == 1
        wait_for_first_poll(project, masklet)
    else:
        let_polls_find_nothing(project, masklet)
    task = project.new_task()
    submit_one_click(editor, project, task)
    assert wait_for_prediction(project, task) == EVERY_PAGE
    wait_for_channel(project, masklet, channel)

    project.api.remove_annotations(task.task_id)
    second = Editor(fresh_page(profile, label_studio))
    second.open(project.address(task))
    second.page.wait_for_function("() => window.Htx.annotationStore.selected.serializeAnnotation().length === 8")
    second.go_to_page(6)
    picture(second.page, f"submit-4-{channel}")
    second.page.close()
