"""Boxes on a video of an object that leaves and comes back, in the real page: the track's gap, and where to look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.store.masks.store import FileMaskStore
from backend.domain.jobs import JobState
from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey
from backend.evaluation.synthetic.clips import SyntheticClip
from scripts.demonstration.clip import Clip
from scripts.demonstration.demo_clip import DEMO_FRAME_RATE, demo_clip
from scripts.demonstration.write_video import write_video
from tests.browser.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.editor import Editor

CONFIG = (CONFIGS / "video.xml").read_text()
FRAMES = 24
FISH = 2
"""The object that slides out of the frame and back in again."""

LABEL = "Object 3"
GONE = 15
"""A frame, 1-based, on which nothing of it is to be seen."""

SPANS = ((1, 3), (19, 21))
"""First and last frame, 0-based, of where the masks are said to be uncertain."""

PULL = """(id) => {
  const annotation = window.Htx.annotationStore.selected;
  annotation.regions.find(region => region.cleanId === id).setRange([20, 24]);
}"""
SELECT = """(id) => {
  const annotation = window.Htx.annotationStore.selected;
  annotation.selectArea(annotation.regions.find(region => region.cleanId === id));
}"""
PATIENCE_S = 240.0
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def leaving(clip: Clip) -> SyntheticClip:
    """The clip, written where Label Studio serves it."""
    drawn = demo_clip(FRAMES)
    folder = clip.folder / "leaving"
    folder.mkdir(exist_ok=True)
    write_video(drawn.frames, folder / "video.mp4", frame_rate=DEMO_FRAME_RATE)
    return drawn


@pytest.fixture(scope="module")
def project(projects: Projects) -> ProjectSetup:
    return projects("A video of who leaves", CONFIG)


@pytest.fixture
def task(project: ProjectSetup, leaving: SyntheticClip) -> TaskKey:
    return project.new_task(video=video_address(project))


def video_address(project: ProjectSetup) -> str:
    return f"/data/local-files/?d=clips/{project.clip.folder.name}/leaving/video.mp4"


def open_video(editor: Editor, address: str) -> None:
    editor.open(address)
    editor.page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
    editor.page.wait_for_timeout(1500)


def draw_fish(editor: Editor, drawn: SyntheticClip) -> str:
    """Draw a box around the fish on the first frame and label it; returns the region's id."""
    rows, columns = np.nonzero(drawn.masks[0, FISH])
    height, width = drawn.frames.shape[1:3]
    editor.draw_box(
        (columns.min() / width * 100, rows.min() / height * 100),
        ((columns.max() + 1) / width * 100, (rows.max() + 1) / height * 100),
    )
    (region,) = editor.regions("videorectangle")
    return str(region["id"])


def track(editor: Editor, masklet: Masklet, task: TaskKey, region_id: str) -> dict[str, Any]:
    """As a person does: label the box, and once the rest is ready label it again, which picks that up."""
    editor.select_region(region_id)
    editor.set_label(LABEL)
    deadline = time.monotonic() + PATIENCE_S
    while masklet.ledger.jobs(task=task, states=(JobState.QUEUED, JobState.RUNNING)):
        assert time.monotonic() < deadline, "the video was not propagated"
        time.sleep(0.5)
    editor.select_region(region_id)
    editor.page.locator(".lsf-label", has_text=LABEL).first.click()  # takes the label off
    editor.page.wait_for_timeout(500)
    editor.set_label(LABEL)
    (region,) = editor.regions("videorectangle")
    return region


def shown_on(region: dict[str, Any]) -> list[bool]:
    """Whether the page shows the box, frame by frame."""
    shown, keyframes = [], {k["frame"]: k["enabled"] for k in region["value"]["sequence"]}
    is_on = False
    for number in range(1, FRAMES + 1):
        shown.append(is_on or number in keyframes)
        is_on = keyframes.get(number, is_on)
    return shown


def test_a_track_is_off_while_the_object_is_gone_and_on_again_when_it_is_back(
    editor: Editor, project: ProjectSetup, task: TaskKey, leaving: SyntheticClip, masklet: Masklet
) -> None:
    open_video(editor, project.address(task))
    editor.switch(auto_accept=False)
    region = track(editor, masklet, task, draw_fish(editor, leaving))
    editor.go_to_frame(GONE)
    picture(editor.page, "video-6-gone")
    editor.go_to_frame(FRAMES - 1)
    picture(editor.page, "video-6-back")

    off = [keyframe["frame"] for keyframe in region["value"]["sequence"] if not keyframe["enabled"]]
    assert len(off) >= 1, region["value"]["sequence"]
    shown = np.array(shown_on(region))
    is_there = leaving.present[:, FISH]
    assert not shown[GONE - 1]
    assert shown[0]
    assert shown[-1]
    # Where the object is half out of the frame nobody can say on which frame it goes.
    assert (shown != is_there).sum() <= 3, (shown.astype(int), is_there.astype(int))


def uncertain_run(prediction: MaskRun, spans: Sequence[tuple[int, int]]) -> MaskRun:
    """The masks with other uncertainties: high from each span's first frame to its last, low elsewhere. 0-based."""
    doubtful = {index for first, last in spans for index in range(first, last + 1)}
    masklets = tuple(
        replace(m, frames=tuple(replace(f, uncertainty=0.9 if f.frame_index in doubtful else 0.1) for f in m.frames))
        for m in prediction.masklets
    )
    return replace(prediction, masklets=masklets)


def test_uncertain_spans_are_for_reading_and_no_prompts_when_they_come_back(
    editor: Editor, project: ProjectSetup, task: TaskKey, leaving: SyntheticClip, masklet: Masklet
) -> None:
    open_video(editor, project.address(task))
    editor.switch(auto_accept=False)
    region = track(editor, masklet, task, draw_fish(editor, leaving))
    finished = masklet.ledger.jobs(task=task, states=(JobState.DONE,))
    made = FileMaskStore(masklet.process.data_dir / "masks").read(finished[0].masks_run)
    shown = build_regions(uncertain_run(made, SPANS), label_config=CONFIG, task=task)
    other = project.new_task(video=video_address(project))
    project.api.add_prediction(project.project_id, other.task_id, model_version=masklet.version, result=shown)

    open_video(editor, project.address(other))
    editor.page.wait_for_function("() => window.Htx.annotationStore.selected.regions.length === 3")
    spans = editor.regions("timelinelabels")
    assert [span["value"]["ranges"] for span in spans] == [[{"start": 2, "end": 4}], [{"start": 20, "end": 22}]]
    editor.page.evaluate(SELECT, spans[1]["id"])
    picture(editor.page, "video-8-uncertain")
    editor.page.keyboard.press("Backspace")
    editor.page.locator(".lsf-label", has_text="Object 1").first.click()
    editor.page.wait_for_timeout(300)
    assert editor.regions("timelinelabels") == spans
    # What pulling at a span's end on the timeline does: the page locks it against all else.
    editor.page.evaluate(PULL, spans[1]["id"])
    assert editor.regions("timelinelabels")[1]["value"]["ranges"] == [{"start": 20, "end": 24}]

    editor.submit()
    (saved,) = project.api.annotations(other.task_id)
    assert len([r for r in saved["result"] if r["type"] == "timelinelabels"]) == 2
    prompts = prompts_of_annotation(saved["result"], read_binding(CONFIG))
    assert prompts.object_ids == (region["id"],)
