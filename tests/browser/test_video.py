"""Boxes on a video, in the real page: tracked from the frame on which they were drawn, and corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.domain.prompts import ObjectId
from scripts.demonstration.clip import Clip
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor

MOVE = """([id, frame, x]) => {
  const region = window.Htx.annotationStore.selected.regions.find(region => region.cleanId === id);
  const keyframe = region.sequence.find(entry => entry.frame === frame);
  region.updateShape({x, y: keyframe.y, width: keyframe.width, height: keyframe.height}, frame);
}"""
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def video_project(projects: Projects) -> ProjectSetup:
    return projects("Videos", (CONFIGS / "video.xml").read_text())


def box_around(project: ProjectSetup, label: str, frame: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """The box around an object on a 0-based frame: two corners in percent."""
    rows, columns = np.nonzero(project.truth(label, frame))
    clip: Clip = project.clip
    return (
        (columns.min() / clip.width * 100, rows.min() / clip.height * 100),
        ((columns.max() + 1) / clip.width * 100, (rows.max() + 1) / clip.height * 100),
    )


def tracks(editor: Editor) -> dict[str, dict[str, Any]]:
    """The boxes of the annotation, by id."""
    return {region["id"]: region for region in editor.regions("videorectangle")}


def sequence(region: dict[str, Any]) -> list[dict[str, Any]]:
    keyframes: list[dict[str, Any]] = region["value"]["sequence"]
    return keyframes


def draw_and_label(editor: Editor, project: ProjectSetup, label: str) -> dict[str, Any]:
    """Draw a box around an object on the first frame and label it; returns the box as it was drawn."""
    before = set(tracks(editor))
    editor.draw_box(*box_around(project, label, 0))
    (drawn,) = (region for region_id, region in tracks(editor).items() if region_id not in before)
    editor.select_region(drawn["id"])
    editor.set_label(label)
    return drawn


def test_a_labelled_box_is_tracked_and_a_placed_box_stays(
    editor: Editor, video_project: ProjectSetup, masklet: Masklet
) -> None:
    task = video_project.new_task()
    editor.open(video_project.address(task))
    editor.wait_for_video()
    editor.switch(auto_accept=False)
    drawn = draw_and_label(editor, video_project, "Object 1")
    tracked = tracks(editor)[drawn["id"]]
    picture(editor.page, "video-6-tracked")
    frames = [keyframe["frame"] for keyframe in sequence(tracked)]
    assert len(frames) > 1
    assert frames == list(range(1, len(frames) + 1))
    assert all(keyframe["enabled"] for keyframe in sequence(tracked))
    for side in ("x", "y", "width", "height"):
        assert sequence(tracked)[0][side] == pytest.approx(sequence(drawn)[0][side], abs=1e-3)

    draw_and_label(editor, video_project, "Object 2")
    assert sorted(region["value"]["labels"][0] for region in tracks(editor).values()) == ["Object 1", "Object 2"]

    x = sequence(tracked)[1]["x"] + 3
    editor.page.evaluate(MOVE, [drawn["id"], 2, x])
    editor.select_region(drawn["id"])
    editor.take_label_off("Object 1")
    editor.set_label("Object 1")
    picture(editor.page, "video-6-corrected")
    prompts = masklet.prompts(task, editor.user).of_object(ObjectId(drawn["id"]))
    assert [prompt.frame_index for prompt in prompts] == [0, 1]
    corrected = sequence(tracks(editor)[drawn["id"]])
    assert [corrected[0]["x"], corrected[1]["x"]] == [
        pytest.approx(sequence(drawn)[0]["x"], abs=1e-3),
        pytest.approx(x, abs=1e-3),
    ]
