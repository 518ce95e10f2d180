"""A film of the masks beside the video, in the real page: exported into the task, and in step with the video."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize

from backend.domain.tasks import TaskKey
from scripts.label_studio.server import LabelStudioServer
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor
from tests.browser.test_video import draw_and_label, sequence, tracks

CONFIG = (CONFIGS / "video_overlay.xml").read_text()
LAST = 8
WIDE = ViewportSize(width=1900, height=1100)
"""Room for two players side by side."""

READY = "(v => v.length === 2 && v.every(video => video.readyState >= 2))([...document.querySelectorAll('video')])"
LISTEN = """() => {
  window.played = new Set();
  for (const video of document.querySelectorAll('video'))
    video.addEventListener('playing', () => window.played.add(video.currentSrc));
}"""
BOTH_PLAYED = "() => window.played.size === 2"
FRAME = "(name) => window.Htx.annotationStore.selected.names.get(name).frame"
AT = "([name, frame]) => window.Htx.annotationStore.selected.names.get(name).frame === frame"
SEEK = "([name, frame]) => window.Htx.annotationStore.selected.names.get(name).setFrame(frame)"
SOURCES = "() => [...document.querySelectorAll('video')].map(video => video.currentSrc || video.src)"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def open_both(editor: Editor, address: str) -> None:
    editor.open(address)
    editor.page.wait_for_function(READY)
    editor.wait_for_video()


def track_to_the_end(editor: Editor, project: ProjectSetup) -> None:
    region_id = draw_and_label(editor, project, "Object 1")["id"]
    for _ in range(10):
        if sequence(tracks(editor)[region_id])[-1]["frame"] == LAST:
            return
        editor.select_region(region_id)
        editor.take_label_off("Object 1")
        editor.set_label("Object 1")
    pytest.fail("the track has no end")


def export_into(project: ProjectSetup, task_id: int, out: Path, server: LabelStudioServer, masklet: Masklet) -> str:
    """Run the command; returns its messages."""
    source = f"run:{project.project_id}/{task_id}"
    command = ["export", source, "--format", "overlay", "--out", str(out), "--into-tasks"]
    environment = {
        **os.environ,
        "MASKLET_DATA_DIR": str(masklet.process.data_dir),
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.login.token,
    }
    done = subprocess.run(
        [sys.executable, "-m", "backend.interfaces.cli", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def overlay_folder(project: ProjectSetup, task: TaskKey, masklet: Masklet) -> str:
    """The address in the task's data, less its last part."""
    address = str(project.api.task_data(task.task_id)["overlay"])
    assert address.startswith(f"{masklet.url}/media/")
    return address.rpartition("/")[0]


def test_the_masks_play_beside_the_video_and_move_with_it(
    editor: Editor, projects: Projects, masklet: Masklet, label_studio: LabelStudioServer, tmp_path: Path
) -> None:
    project = projects("A video with its masks beside", CONFIG)
    plain = f"/data/local-files/?d=clips/{project.clip.folder.name}/short/video.mp4"
    task = project.new_task(overlay=plain)
    open_both(editor, project.address(task))
    editor.switch(auto_accept=False)
    track_to_the_end(editor, project)

    said = export_into(project, task.task_id, tmp_path / "films", label_studio, masklet)
    assert f"1 task of project {project.project_id} shows it in 'overlay'." in " ".join(said.split())
    open_both(editor, project.address(task))
    assert sorted(address.split("?")[0].rpartition("/")[0] for address in editor.page.evaluate(SOURCES)) == sorted(
        [f"{label_studio.url}/data/local-files", overlay_folder(project, task, masklet)]
    )

    editor.page.set_viewport_size(WIDE)
    editor.wait_for_video()
    for leader, follower, frame in (("video", "overlay", 6), ("overlay", "video", 3)):
        editor.page.evaluate(SEEK, [leader, frame])
        editor.page.wait_for_function(AT, arg=[follower, frame])
        editor.page.wait_for_timeout(400)
        assert [editor.page.evaluate(FRAME, name) for name in ("video", "overlay")] == [frame, frame]
        picture(editor.page, f"video-7-{leader}-leads")
    editor.page.evaluate(LISTEN)
    editor.page.get_by_test_id("playback-button:play").first.click()
    editor.page.wait_for_function(BOTH_PLAYED)
