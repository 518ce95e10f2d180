"""Boxes on a video, in the real page: tracked from the frame on which they were drawn, and corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.domain.prompts import ObjectId
from scripts.demonstration.clip import Clip
from tests.browser.editor import Editor
from tests.browser.parts import CONFIGS, Desk, Masklet, Projects, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def video_project(projects: Projects) -> Desk:
    return projects("Videos", (CONFIGS / "video.xml").read_text())


def box_around(desk: Desk, label: str, frame: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Around an object on a 0-based frame: two corners in percent."""
    rows, columns = np.nonzero(desk.truth(label, frame))
    clip: Clip = desk.clip
    return (
        (columns.min() / clip.width * 100, rows.min() / clip.height * 100),
        ((columns.max() + 1) / clip.width * 100, (rows.max() + 1) / clip.height * 100),
    )


def tracks(editor: Editor) -> dict[str, dict[str, Any]]:
    """The boxes on the canvas, by id."""
    return {region["id"]: region for region in editor.regions("videorectangle")}


def sequence(region: dict[str, Any]) -> list[dict[str, Any]]:
    keyframes: list[dict[str, Any]] = region["value"]["sequence"]
    return keyframes


def test_a_box_with_a_label_is_tracked_and_a_corrected_one_keeps_what_the_person_placed(
    editor: Editor, video_project: Desk, masklet: Masklet
) -> None:
    task = video_project.new_task()
    editor.open(video_project.address(task))
    editor.page.locator("video").first.wait_for(state="attached")
    editor.page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
    editor.page.wait_for_timeout(1500)
    editor.switch(auto_accept=False)
    editor.draw_box(*box_around(video_project, "Object 1", 0))
    ((region_id, drawn),) = tracks(editor).items()
    assert [keyframe["frame"] for keyframe in sequence(drawn)] == [1]
    editor.set_label("Object 1")
    picture(editor.page, "video-6-tracked")
    tracked = tracks(editor)[region_id]
    assert [keyframe["frame"] for keyframe in sequence(tracked)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(keyframe["enabled"] for keyframe in sequence(tracked))
    for side in ("x", "y", "width", "height"):
        assert sequence(tracked)[0][side] == pytest.approx(sequence(drawn)[0][side], abs=1e-3)

    editor.page.keyboard.press("Escape")
    editor.draw_box(*box_around(video_project, "Object 2", 0))
    editor.set_label("Object 2")
    assert sorted(region["value"]["labels"][0] for region in tracks(editor).values()) == ["Object 1", "Object 2"]

    editor.select_region(region_id)
    editor.go_to_frame(5)
    editor.page.evaluate(
        """(id) => {
          const region = window.Htx.annotationStore.selected.regions.find(region => region.cleanId === id);
          const keyframe = region.sequence.find(entry => entry.frame === 5);
          region.updateShape({x: keyframe.x + 3, y: keyframe.y, width: keyframe.width, height: keyframe.height}, 5);
        }""",
        region_id,
    )
    moved = next(keyframe for keyframe in sequence(tracks(editor)[region_id]) if keyframe["frame"] == 5)
    before = {keyframe["frame"]: keyframe["x"] for keyframe in sequence(tracked)}
    assert moved["x"] == pytest.approx(before[5] + 3, abs=1e-3)
    editor.page.locator(".lsf-label", has_text="Object 1").first.click()
    editor.page.wait_for_timeout(300)
    answered = len(editor.answers)
    if not sequence(tracks(editor)[region_id]) or "labels" not in tracks(editor)[region_id]["value"]:
        editor.page.locator(".lsf-label", has_text="Object 1").first.click()
    editor.wait_for_answer(max(answered - 1, 0))
    picture(editor.page, "video-6-corrected")
    prompts = masklet.prompts(task, editor.user).of_object(ObjectId(region_id))
    assert [prompt.frame_index for prompt in prompts] == [0, 4]
    corrected = next(keyframe for keyframe in sequence(tracks(editor)[region_id]) if keyframe["frame"] == 5)
    assert corrected["x"] == pytest.approx(moved["x"], abs=1e-3)
