"""Boxes on a video of an object that leaves and returns, in the real page: the track's gap, and uncertain ranges."""

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
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor

CONFIG = (CONFIGS / "video.xml").read_text()
FRAMES = 24
LEAVING_OBJECT = 2
"""The index of the object that leaves the frame and returns."""

LABEL = "Object 3"
ABSENT_FRAME = 15
"""A frame, 1-based, without the object."""

UNCERTAIN_RANGES = ((1, 3), (19, 21))
"""First and last frame, 0-based, of the ranges with uncertain masks."""

MOVE_END = """(id) => {
  const annotation = window.Htx.annotationStore.selected;
  annotation.regions.find(region => region.cleanId === id).setRange([20, 24]);
}"""
TIMEOUT_S = 240.0
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def leaving(clip: Clip) -> SyntheticClip:
    """The clip, written to the folder that Label Studio serves."""
    drawn = demo_clip(FRAMES)
    folder = clip.folder / "leaving"
    folder.mkdir(exist_ok=True)
    write_video(drawn.frames, folder / "video.mp4", frame_rate=DEMO_FRAME_RATE)
    return drawn


@pytest.fixture(scope="module")
def project(projects: Projects) -> ProjectSetup:
    return projects("A video of a leaving object", CONFIG)


@pytest.fixture
def task(project: ProjectSetup, leaving: SyntheticClip) -> TaskKey:
    return project.new_task(video=video_address(project))


def video_address(project: ProjectSetup) -> str:
    return f"/data/local-files/?d=clips/{project.clip.folder.name}/leaving/video.mp4"


def open_video(editor: Editor, address: str) -> None:
    editor.open(address)
    editor.wait_for_video()


def draw_leaving_object(editor: Editor, drawn: SyntheticClip) -> str:
    """Draw a box around the object on the first frame; returns the region's id."""
    rows, columns = np.nonzero(drawn.masks[0, LEAVING_OBJECT])
    height, width = drawn.frames.shape[1:3]
    editor.draw_box(
        (columns.min() / width * 100, rows.min() / height * 100),
        ((columns.max() + 1) / width * 100, (rows.max() + 1) / height * 100),
    )
    (region,) = editor.regions("videorectangle")
    return str(region["id"])


def track(editor: Editor, masklet: Masklet, task: TaskKey, region_id: str) -> dict[str, Any]:
    """Label the box, wait for the propagation, and label the box again to get its other keyframes."""
    editor.select_region(region_id)
    editor.set_label(LABEL)
    deadline = time.monotonic() + TIMEOUT_S
    while masklet.ledger.jobs(task=task, states=(JobState.QUEUED, JobState.RUNNING)):
        assert time.monotonic() < deadline, "the video was not propagated"
        time.sleep(0.5)
    editor.select_region(region_id)
    editor.take_label_off(LABEL)
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


def test_a_track_is_off_while_the_object_is_absent(
    editor: Editor, project: ProjectSetup, task: TaskKey, leaving: SyntheticClip, masklet: Masklet
) -> None:
    open_video(editor, project.address(task))
    editor.switch(auto_accept=False)
    region = track(editor, masklet, task, draw_leaving_object(editor, leaving))
    editor.go_to_frame(ABSENT_FRAME)
    picture(editor.page, "video-6-gone")
    editor.go_to_frame(FRAMES - 1)
    picture(editor.page, "video-6-back")

    off = [keyframe["frame"] for keyframe in region["value"]["sequence"] if not keyframe["enabled"]]
    assert len(off) >= 1, region["value"]["sequence"]
    shown = np.array(shown_on(region))
    is_there = leaving.present[:, LEAVING_OBJECT]
    assert not shown[ABSENT_FRAME - 1]
    assert shown[0]
    assert shown[-1]
    # The object is cut off by the frame's edge for some frames: its last frame is ambiguous.
    assert (shown != is_there).sum() <= 3, (shown.astype(int), is_there.astype(int))


def uncertain_run(prediction: MaskRun, ranges: Sequence[tuple[int, int]]) -> MaskRun:
    """The masks with other uncertainties: high in the ranges (first, last; 0-based), low elsewhere."""
    uncertain = {index for first, last in ranges for index in range(first, last + 1)}
    masklets = tuple(
        replace(m, frames=tuple(replace(f, uncertainty=0.9 if f.frame_index in uncertain else 0.1) for f in m.frames))
        for m in prediction.masklets
    )
    return replace(prediction, masklets=masklets)


def test_uncertain_ranges_are_read_only_and_no_prompts(
    editor: Editor, project: ProjectSetup, task: TaskKey, leaving: SyntheticClip, masklet: Masklet
) -> None:
    open_video(editor, project.address(task))
    editor.switch(auto_accept=False)
    region = track(editor, masklet, task, draw_leaving_object(editor, leaving))
    finished = masklet.ledger.jobs(task=task, states=(JobState.DONE,))
    made = FileMaskStore(masklet.process.data_dir / "masks").read(finished[0].masks_run)
    shown = build_regions(uncertain_run(made, UNCERTAIN_RANGES), label_config=CONFIG, task=task)
    other = project.new_task(video=video_address(project))
    project.api.add_prediction(project.project_id, other.task_id, model_version=masklet.version, result=shown)

    open_video(editor, project.address(other))
    editor.page.wait_for_function("() => window.Htx.annotationStore.selected.regions.length === 3")
    ranges = editor.regions("timelinelabels")
    assert [one["value"]["ranges"] for one in ranges] == [[{"start": 2, "end": 4}], [{"start": 20, "end": 22}]]
    editor.select_region(ranges[1]["id"])
    picture(editor.page, "video-8-uncertain")
    editor.page.keyboard.press("Backspace")
    editor.page.locator(".lsf-label", has_text="Object 1").first.click()
    editor.page.wait_for_timeout(300)
    assert editor.regions("timelinelabels") == ranges
    # The effect of pulling a range's end on the timeline: the page locks the range against all other changes.
    editor.page.evaluate(MOVE_END, ranges[1]["id"])
    assert editor.regions("timelinelabels")[1]["value"]["ranges"] == [{"start": 20, "end": 24}]

    editor.submit()
    (saved,) = project.api.annotations(other.task_id)
    assert len([r for r in saved["result"] if r["type"] == "timelinelabels"]) == 2
    prompts = prompts_of_annotation(saved["result"], read_binding(CONFIG))
    assert prompts.object_ids == (region["id"],)
