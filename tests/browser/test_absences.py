"""Masks that are taken away, in the real page: deleted by hand, by a negative click, and with "✕ gone"."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest

from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from tests.browser.driving.builders import Masklet, ProjectSetup, mask_of, picture
from tests.browser.driving.editor import Editor
from tests.browser.test_pages import EVERY_PAGE, act, click_object, propagate_to_the_end

Json = dict[str, Any]

PATIENCE_S = 120.0
LABEL = "Object 1"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def shown_pages(editor: Editor) -> list[int]:
    """The 0-based pages that show a mask of the object, ascending."""
    return pages_of(editor.regions("brushlabels"))


def pages_of(regions: Iterable[Json]) -> list[int]:
    found = (region for region in regions if region["type"] == "brushlabels" and mask_of(region).any())
    return sorted(region["item_index"] for region in found)


def wait_until_saved(editor: Editor, project: ProjectSetup, task: TaskKey, pages: list[int]) -> None:
    """Until the person's draft has masks on these pages alone."""
    deadline_s = time.monotonic() + PATIENCE_S
    saved: list[int] = []
    while saved != pages:
        assert time.monotonic() < deadline_s, f"the draft has masks on {saved}, not on {pages}"
        editor.page.wait_for_timeout(250)
        saved = next((pages_of(draft["result"]) for draft in project.api.drafts(task.task_id)), [])


def test_a_deleted_mask_stays_deleted_and_gone_clears_one_in_place(
    editor: Editor, frames_project: ProjectSetup, masklet: Masklet
) -> None:
    task = frames_project.new_task()
    editor.open(frames_project.address(task))
    editor.switch()
    click_object(editor, frames_project, LABEL)
    propagate_to_the_end(editor, (LABEL,))
    wait_until_saved(editor, frames_project, task, [*EVERY_PAGE])
    editor.go_to_page(4)
    editor.delete_at(*frames_project.place(LABEL, 4))
    assert shown_pages(editor) == [page for page in EVERY_PAGE if page != 4]
    wait_until_saved(editor, frames_project, task, [page for page in EVERY_PAGE if page != 4])
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
    wait_until_saved(editor, frames_project, task, [0, 1, 2, 3, 5, 7])
    editor.go_to_page(5)
    act(editor, "▶ 1")
    assert 6 not in shown_pages(editor)
    editor.submit()
    (annotation,) = frames_project.api.annotations(task.task_id)
    assert {4, 6}.isdisjoint(pages_of(annotation["result"]))
