"""Box tracks that are answered before they are finished, in the real page, and the annotation after Submit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Route

from backend.adapters.labelstudio.writing.progress import ENDING
from backend.domain.tasks import TaskKey
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.demonstration.demo_clip import DEMO_FRAME_RATE, demo_clip
from scripts.demonstration.write_video import write_video
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.browser.conftest import ENVIRONMENT
from tests.browser.driving.builders import CONFIGS, ProjectSetup, picture
from tests.browser.driving.editor import Editor
from tests.browser.test_video import box_around, sequence, tracks

FRAMES = 48
SETTINGS = {**ENVIRONMENT, "MASKLET_PORT": "19292", "MASKLET_REPLY_DEADLINE_S": "0.25"}
"""A deadline in which no machine tracks a box through the video."""

TIMEOUT_S = 400.0
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def project(
    label_studio: LabelStudioServer, clip: Clip, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProjectSetup]:
    """A project whose Masklet answers at a short deadline, with a video of many frames."""
    folder = clip.folder / "long"
    folder.mkdir(exist_ok=True)
    write_video(demo_clip(FRAMES).frames, folder / "video.mp4", frame_rate=DEMO_FRAME_RATE)
    process = MaskletProcess(tmp_path_factory.mktemp("masklet"))
    process.launch(label_studio_url=label_studio.url, token=label_studio.login.token, settings=SETTINGS)
    version = process.wait().version
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project_id = api.ensure_project("Unfinished tracks", (CONFIGS / "video.xml").read_text())
        api.ensure_local_files(project_id, clip.folder)
        yield ProjectSetup(api, project_id, api.ensure_backend(project_id, process.url, version), clip)
    process.stop()


def opened(editor: Editor, project: ProjectSetup) -> TaskKey:
    """A new task, open in the page; a worker has opened its video."""
    task = project.new_task(video=f"/data/local-files/?d=clips/{project.clip.folder.name}/long/video.mp4")
    editor.open(project.address(task))
    editor.wait_for_video()
    editor.page.wait_for_timeout(2000)
    editor.switch(auto_accept=False)
    return task


def draw(editor: Editor, project: ProjectSetup, label: str) -> str:
    """Draws a box around an object on the first frame and selects it; returns its id."""
    before = set(tracks(editor))
    editor.draw_box(*box_around(project, label, 0))
    (drawn,) = set(tracks(editor)) - before
    editor.select_region(drawn)
    return drawn


def label(editor: Editor, region_id: str, text: str) -> None:
    """Labels a box, again while no worker has opened the video yet."""
    for _ in range(20):
        editor.select_region(region_id)
        if "errors" not in editor.set_label(text):
            return
        editor.select_region(region_id)
        editor.take_label_off(text)
        editor.page.wait_for_timeout(1000)
    pytest.fail("the box is refused again and again")


def note(region: dict[str, Any]) -> str:
    return " ".join(region.get("meta", {}).get("text", []))


def completed(project: ProjectSetup, task: TaskKey, objects: int) -> dict[str, Any]:
    """The annotation's boxes by label, when all tracks have a keyframe on the video's last frame."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        (annotation,) = project.api.annotations(task.task_id)
        boxes = {region["value"]["labels"][0]: region for region in annotation["result"]}
        if len(boxes) == objects and all(sequence(box)[-1]["frame"] == FRAMES for box in boxes.values()):
            return boxes
        time.sleep(1)
    pytest.fail(f"the tracks are not completed: {[len(sequence(box)) for box in boxes.values()]} keyframes")


def test_an_unfinished_track_says_so_and_is_completed_after_submit(editor: Editor, project: ProjectSetup) -> None:
    task = opened(editor, project)
    drawn = draw(editor, project, "Object 1")
    label(editor, drawn, "Object 1")
    region = tracks(editor)[drawn]
    last = sequence(region)[-1]
    assert last["frame"] < FRAMES
    assert last["enabled"] is False
    assert note(region).endswith(f"of {FRAMES} {ENDING}")
    assert editor.page.get_by_text(f"of {FRAMES} frames are tracked so far").first.is_visible()
    picture(editor.page, "video-7-unfinished")
    editor.submit()
    box = completed(project, task, 1)["Object 1"]
    assert (box["id"], note(box)) == (drawn, "")
    assert [keyframe["frame"] for keyframe in sequence(box)] == list(range(1, FRAMES + 1))
    editor.open(project.address(task))
    editor.wait_for_video()
    assert len(sequence(tracks(editor)[drawn])) == FRAMES
    picture(editor.page, "video-7-completed")


def test_a_box_whose_answer_comes_after_the_next_request_is_not_lost(editor: Editor, project: ProjectSetup) -> None:
    task = opened(editor, project)
    held: list[tuple[Route, APIResponse]] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    editor.page.route("**/interactive-annotating*", hold_first)
    first = draw(editor, project, "Object 1")
    editor.page.locator(".lsf-label", has_text="Object 1").first.click()
    second = draw(editor, project, "Object 2")
    label(editor, second, "Object 2")
    (route, answer), *_ = held
    route.fulfill(response=answer)
    editor.page.wait_for_timeout(1000)
    picture(editor.page, "video-7-hasty")
    assert [keyframe["enabled"] for keyframe in sequence(tracks(editor)[first])] == [
        True
    ]  # the page dropped the answer
    editor.submit()
    boxes = completed(project, task, 2)
    assert (boxes["Object 1"]["id"], boxes["Object 2"]["id"]) == (first, second)
    assert all(note(box) == "" for box in boxes.values())
