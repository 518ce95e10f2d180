"""Frames as pages, in the real page: from the first click to masks on every page, and through corrections."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.domain.jobs import JobState
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, iou, mask_of, picture
from tests.browser.driving.editor import Editor

EVERY_PAGE = list(range(8))
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def click_object(editor: Editor, project: ProjectSetup, label: str, page: int = 0) -> None:
    """Click the middle of an object with the Auto-Detect tool."""
    if editor.current_page() != page:
        editor.go_to_page(page)
    editor.choose_auto_detect()
    editor.choose_label(label)
    editor.click(*project.place(label, page))


def act(editor: Editor, action: str, *keys: str) -> None:
    """Choose an action label and click at a place without an object and without an earlier click."""
    editor.choose_auto_detect()
    editor.choose_label(action)
    answer = editor.click(97.0 - 4 * len(editor.requests), 3.0, *keys)
    assert "errors" not in answer, answer


def propagate_to_the_end(editor: Editor, labels: tuple[str, ...]) -> None:
    """Repeat the action as a person does: an answer holds the masks that are ready, the next one the rest."""
    for _ in range(10):
        act(editor, "▶▶ end")
        if all(editor.pages_of(label) == EVERY_PAGE for label in labels):
            return
    pytest.fail(f"masks on pages {[editor.pages_of(label) for label in labels]} only")


def test_a_click_becomes_a_mask_that_later_prompts_refine(
    editor: Editor, frames_project: ProjectSetup, masklet: Masklet
) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    expect(editor.page.get_by_text("Auto-Annotation", exact=True).first).to_be_visible()
    for row in ("Click", "Box", "Brush"):
        expect(editor.page.get_by_text(row, exact=True)).to_be_visible()
    editor.switch()
    click_object(editor, frames_project, "Object 1", 3)
    (region,) = editor.regions("brushlabels")
    assert (region["item_index"], region["value"]["brushlabels"]) == (3, ["Object 1"])
    assert iou(mask_of(region), frames_project.truth("Object 1", 3)) > 0.5
    picture(editor.page, "pages-1-click")

    x, y = frames_project.place("Object 1", 3)
    editor.choose_auto_detect()
    editor.choose_label("Object 1")
    editor.click(x + 4, y - 4, "Control", "Alt")
    assert editor.requests[-1]["context"]["result"][0]["is_positive"] is False
    assert len(editor.requests[-1]["context"]["result"]) == 1  # the page forgets accepted prompts
    editor.choose_auto_detect("rectangle-tool")
    editor.choose_label("Object 1", "box")
    answered = len(editor.answers)
    editor.drag((x - 10, y - 12), (x + 10, y + 12))
    editor.wait_for_answer(answered)
    picture(editor.page, "pages-1-refined")

    (again,) = editor.regions("brushlabels")
    assert again["id"] == region["id"]
    (prompt,) = masklet.prompts(task, editor.user).of_object(ObjectId("Object 1"))
    assert (prompt.frame_index, [point.positive for point in prompt.points]) == (3, [True, False])
    assert prompt.box is not None


def test_two_clicks_before_the_first_answer_are_both_answered(editor: Editor, frames_project: ProjectSetup) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    editor.switch()
    editor.choose_auto_detect()
    editor.choose_label("Object 1")
    editor.click_only(*frames_project.place("Object 1"))
    editor.choose_label("Object 2")
    editor.click_only(*frames_project.place("Object 2"))
    editor.wait_for_answer(1)
    picture(editor.page, "pages-1-hasty")
    assert (editor.pages_of("Object 1"), editor.pages_of("Object 2")) == ([0], [0])


def test_an_action_propagates_and_a_drawn_correction_stays(
    editor: Editor, frames_project: ProjectSetup, masklet: Masklet
) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    editor.switch()
    click_object(editor, frames_project, "Object 1")
    click_object(editor, frames_project, "Object 2")
    act(editor, "▶ 1")
    assert (editor.pages_of("Object 1"), editor.pages_of("Object 2")) == ([0, 1], [0, 1])
    propagate_to_the_end(editor, ("Object 1", "Object 2"))
    editor.go_to_page(5)
    picture(editor.page, "pages-2-carried")

    before = {region["id"]: region for region in editor.regions("brushlabels")}
    (touched,) = (r for r in before.values() if r["item_index"] == 3 and r["value"]["brushlabels"] == ["Object 1"])
    x, y = frames_project.place("Object 1", 3)
    editor.go_to_page(3)
    editor.select_at(x, y)
    editor.choose_tool("eraser")
    editor.drag((x - 9, y), (x + 9, y))
    editor.wait_for_draft()
    picture(editor.page, "pages-3-erased")
    editor.page.keyboard.press("Escape")
    erased = editor.region(touched["id"])
    assert mask_of(erased).sum() < mask_of(touched).sum()

    propagate_to_the_end(editor, ("Object 1", "Object 2"))
    after = {region["id"]: region for region in editor.regions("brushlabels")}
    assert sorted(after) == sorted(before)
    assert (mask_of(after[touched["id"]]) == mask_of(erased)).all()
    (drawn,) = (p for p in masklet.prompts(task, editor.user) if p.mask is not None)
    assert (drawn.object_id, drawn.frame_index) == ("Object 1", 3)
    assert drawn.mask is not None
    assert iou(drawn.mask, mask_of(erased)) > 0.97
    editor.go_to_page(4)
    picture(editor.page, "pages-3-carried-on")


def test_a_backward_action_puts_masks_on_the_earlier_pages(editor: Editor, frames_project: ProjectSetup) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    editor.switch()
    click_object(editor, frames_project, "Object 1", 5)
    for _ in range(10):
        act(editor, "◀ 15")
        if editor.pages_of("Object 1") == [0, 1, 2, 3, 4, 5]:
            break
    assert editor.current_page() == 5
    overlaps = {
        region["item_index"]: iou(mask_of(region), frames_project.truth("Object 1", region["item_index"]))
        for region in editor.regions("brushlabels")
    }
    assert sorted(overlaps) == [0, 1, 2, 3, 4, 5]
    assert min(overlaps.values()) > 0.7, overlaps
    editor.go_to_page(1)
    picture(editor.page, "pages-2-backward")


def test_a_click_after_a_reset_is_the_only_prompt(
    editor: Editor, frames_project: ProjectSetup, masklet: Masklet
) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    editor.switch()
    click_object(editor, frames_project, "Object 1")
    click_object(editor, frames_project, "Object 2")
    act(editor, "✕ reset")
    assert not masklet.prompts(task, editor.user)
    assert not masklet.ledger.jobs(task=task, states=(JobState.QUEUED, JobState.RUNNING))
    click_object(editor, frames_project, "Object 1", 2)
    (prompt,) = masklet.prompts(task, editor.user)
    assert prompt.frame_index == FrameIndex(2)
    picture(editor.page, "pages-2-reset")


def test_skipped_pages_and_empty_results_of_kept_labels(editor: Editor, projects: Projects, masklet: Masklet) -> None:
    config = (CONFIGS / "frames.xml").read_text().replace('value="▶ 15"', 'value="▶ 15 skip 2"')
    project = projects("Pages with a skip", config)
    task = project.new_task()
    editor.open(project.address(task))
    editor.switch()
    editor.keep_label_selected()
    click_object(editor, project, "Object 1")
    act(editor, "▶ 15 skip 2")
    assert editor.pages_of("Object 1") == [0, 3, 6]
    bogus = [region for region in editor.regions() if region["type"] == "keypointlabels"]
    assert bogus, "this Label Studio no longer adds a second result to regions that are accepted while labels stay"
    picture(editor.page, "pages-2-skip")
    editor.submit()
    (annotation,) = project.api.annotations(task.task_id)
    prompts = prompts_of_annotation(annotation["result"], read_binding(config))
    assert prompts.object_ids == ("Object 1",)
    assert not [prompt for prompt in prompts if prompt.points]


def test_without_auto_accept_an_answer_has_the_current_page(
    editor: Editor, projects: Projects, masklet: Masklet
) -> None:
    config = (CONFIGS / "frames.xml").read_text().replace("<Image name", '<Image autoAccept="false" name')
    project = projects("Pages without Auto-Accept", config)
    task = project.new_task()
    editor.open(project.address(task))
    editor.switch(auto_accept=False)
    click_object(editor, project, "Object 1", 1)
    assert editor.regions("brushlabels") == []
    assert editor.suggested_pages() == [1]
    act(editor, "▶▶ end")
    assert editor.suggested_pages() == [1]
    picture(editor.page, "pages-2-no-auto-accept")
