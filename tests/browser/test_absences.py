"""Masks that are taken away, in the real page: deleted by hand, by a negative click, and with "✕ gone"."""

from __future__ import annotations

import pytest

from backend.domain.prompts import ObjectId
from tests.browser.builders import Masklet, ProjectSetup, mask_of, picture
from tests.browser.editor import Editor
from tests.browser.test_pages import EVERY_PAGE, act, click_object, propagate_to_the_end

LABEL = "Object 1"
DELETE = """(page) => {
  const annotation = window.Htx.annotationStore.selected;
  annotation.unselectAll();
  annotation.selectArea(annotation.regions.find(region => region.item_index === page && region.type === 'brushregion'));
}"""
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def shown_pages(editor: Editor) -> list[int]:
    """The 0-based pages that show a mask of the object, ascending."""
    regions = editor.regions("brushlabels")
    return sorted(region["item_index"] for region in regions if mask_of(region).any())


def test_a_deleted_mask_stays_deleted_and_gone_clears_one_in_place(
    editor: Editor, frames_project: ProjectSetup, masklet: Masklet
) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    editor.switch()
    click_object(editor, frames_project, LABEL)
    propagate_to_the_end(editor, (LABEL,))
    editor.page.wait_for_timeout(7000)  # the page saves a draft
    editor.go_to_page(4)
    editor.page.evaluate(DELETE, 4)
    editor.page.keyboard.press("Backspace")
    editor.wait_for_draft()
    assert shown_pages(editor) == [page for page in EVERY_PAGE if page != 4]
    editor.go_to_page(2)
    act(editor, "▶▶ end")
    assert shown_pages(editor) == [page for page in EVERY_PAGE if page != 4]
    picture(editor.page, "pages-4-deleted")

    editor.go_to_page(6)
    regions = len(editor.regions("brushlabels"))
    editor.choose_auto_detect()
    editor.choose_label("✕ gone")
    editor.click(*frames_project.place(LABEL, 6), "Control")
    assert shown_pages(editor) == [0, 1, 2, 3, 5, 7]
    assert len(editor.regions("brushlabels")) == regions
    picture(editor.page, "pages-4-gone")
    absences = [
        prompt for prompt in masklet.prompts(task, editor.user).of_object(ObjectId(LABEL)) if prompt.mask is not None
    ]
    assert [(prompt.frame_index, bool(prompt.mask.any())) for prompt in absences if prompt.mask is not None] == [
        (4, False),
        (6, False),
    ]
    editor.page.wait_for_timeout(7000)
    editor.go_to_page(5)
    act(editor, "▶ 1")
    assert 6 not in shown_pages(editor)
    editor.submit()
    (annotation,) = frames_project.api.annotations(task.task_id)
    kept = [region for region in annotation["result"] if region["type"] == "brushlabels" and mask_of(region).any()]
    assert {region["item_index"] for region in kept}.isdisjoint({4, 6})
