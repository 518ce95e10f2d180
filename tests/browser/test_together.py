"""Two users on one task, each in a browser of their own: the prompts of one do not change the masks of the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from scripts.label_studio.server import LabelStudioServer
from tests.browser.conftest import sign_up
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, iou, mask_of, picture
from tests.browser.driving.editor import Editor

LABEL = "Object 1"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def colleague(browser: Browser, label_studio: LabelStudioServer) -> Iterator[Editor]:
    """The task page of a second user, in a profile of its own."""
    opened = sign_up(browser, label_studio, "colleague@localhost.local")
    yield Editor(opened)
    opened.context.close()


def start_on(editor: Editor, project: ProjectSetup, task: TaskKey, shown: str) -> None:
    """Open the task, click the object that the clip calls `shown` as LABEL, and wait until a draft names the user."""
    before = drafts_with_a_mask(project, task)
    editor.open(project.address(task))
    editor.switch()
    editor.choose_auto_detect()
    editor.choose_label(LABEL)
    editor.click(*project.place(shown))
    for _ in range(600):
        if drafts_with_a_mask(project, task) > before:
            return
        editor.page.wait_for_timeout(200)
    pytest.fail("the page saved no draft with the mask")


def drafts_with_a_mask(project: ProjectSetup, task: TaskKey) -> int:
    """How many users' drafts Label Studio has that show a mask: Masklet finds the user of a click by these."""
    drafts = project.api.drafts(task.task_id)
    return sum(any(region["type"] == "brushlabels" for region in draft["result"]) for draft in drafts)


def refine(editor: Editor, project: ProjectSetup, shown: str) -> None:
    """One more click on the same object, beside its middle."""
    x, y = project.place(shown)
    editor.choose_auto_detect()
    editor.choose_label(LABEL)
    editor.click(x + 2, y + 2, "Control")


def test_two_users_prompt_different_objects_of_one_label(
    editor: Editor, colleague: Editor, projects: Projects, masklet: Masklet
) -> None:
    project = projects("Pages for two", (CONFIGS / "frames.xml").read_text())
    # Without predictions: Label Studio may ask for one after the first click, and the second user would start from it.
    project.api.change_project(project.project_id, maximum_annotations=2, show_collab_predictions=False)
    task = project.new_task()
    everyone = ((editor, "Object 1"), (colleague, "Object 2"))
    for person, shown in everyone:
        start_on(person, project, task, shown)
    for person, shown in everyone:
        refine(person, project, shown)
    picture(editor.page, "together-first")
    picture(colleague.page, "together-second")

    assert editor.user != colleague.user
    for person, shown in everyone:
        (region,) = person.regions("brushlabels")
        assert region["value"]["brushlabels"] == [LABEL]
        overlaps = {name: iou(mask_of(region), project.truth(name, 0)) for name in ("Object 1", "Object 2")}
        other = "Object 2" if shown == "Object 1" else "Object 1"
        assert overlaps[shown] > 0.7, overlaps
        assert overlaps[other] < 0.05, overlaps
        (prompt,) = masklet.ledger.prompts(task, user=person.user).of_object(ObjectId(LABEL))
        x, y = project.place(shown)
        placed = [(round(point.point.x_rel * 100), round(point.point.y_rel * 100)) for point in prompt.points]
        assert placed == [(round(x), round(y)), (round(x + 2), round(y + 2))]
    assert not masklet.ledger.prompts(task)

    for person, _ in everyone:
        person.submit()
    saved = {annotation["completed_by"]: annotation["result"] for annotation in project.api.annotations(task.task_id)}
    assert sorted(len(result) for result in saved.values()) == [1, 1]
