"""A correction task in the real page: the page to correct, and beside it the object on its prompted frame."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import ViewportSize

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.tasks import TaskKey
from scripts.label_studio.server import LabelStudioServer
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor

SMALL = ViewportSize(width=1366, height=768)
PLAIN = """<View>
  <BrushLabels name="mask" toName="image"><Label value="Object 1"/><Label value="Object 2"/></BrushLabels>
  <Image name="image" value="$image"/>
</View>"""
PROMPTED_PAGES = {"Object 1": 0, "Object 2": 2}
TIMEOUT_S = 240.0
OBJECT = "img[src*='/object.svg']"
LOADED = f"() => (image => image && image.complete && image.naturalWidth > 0)(document.querySelector(`{OBJECT}`))"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def drawn(project: ProjectSetup, label: str, page: int) -> dict[str, Any]:
    """The true mask of an object, as a person's brush region."""
    return {
        "id": f"drawn-{page}",
        "from_name": "mask",
        "to_name": "frames",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(project.truth(label, page)), "brushlabels": [label]},
        "item_index": page,
        "original_width": project.clip.width,
        "original_height": project.clip.height,
        "image_rotation": 0,
    }


@pytest.fixture(scope="module")
def propagated(projects: Projects) -> ProjectSetup:
    """A project with one task: two objects, prompted on different pages, and their propagation."""
    project = projects("Pages to correct", (CONFIGS / "frames.xml").read_text())
    task = project.new_task()
    project.api.add_annotation(task.task_id, [drawn(project, label, page) for label, page in PROMPTED_PAGES.items()])
    deadline = time.monotonic() + TIMEOUT_S
    while not project.api.predictions(task.task_id):
        assert time.monotonic() < deadline, "nothing was propagated"
        time.sleep(0.3)
    return project


def next_into(
    videos: ProjectSetup, into: ProjectSetup, server: LabelStudioServer, masklet: Masklet
) -> tuple[str, list[dict[str, Any]]]:
    """Runs the command; returns its messages on one line, and the data of the correction tasks with their number."""
    environment = {
        **os.environ,
        "MASKLET_DATA_DIR": str(masklet.process.data_dir),
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.login.token,
    }
    command = ["next", str(videos.project_id), "--frames", "4", "--into", str(into.project_id)]
    done = subprocess.run(
        [sys.executable, "-m", "backend.interfaces.cli", *command],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tasks = [{**into.api.task_data(number), "task": number} for number in into.api.tasks(into.project_id)]
    return " ".join(done.stdout.split()), tasks


def lower_right_corners(editor: Editor) -> list[tuple[float, float]]:
    """Of the picture of the object and of the page to correct, in pixels of the window."""
    box = editor.page.locator(OBJECT).bounding_box()
    assert box is not None
    return [(box["x"] + box["width"], box["y"] + box["height"]), editor.place(100, 100)]


def test_the_object_is_shown_on_its_prompted_page_beside_the_page_to_correct(
    editor: Editor, propagated: ProjectSetup, projects: Projects, masklet: Masklet, label_studio: LabelStudioServer
) -> None:
    config = (CONFIGS / "keyframe.xml").read_text()
    corrections = projects("Corrections with the object", config)
    said, tasks = next_into(propagated, corrections, label_studio, masklet)
    assert "does not show the object" not in said
    for data in tasks:
        address = str(data["object_picture"]).partition("](")[2].removesuffix(")")
        drawing = httpx.get(address, timeout=120)
        assert (drawing.status_code, drawing.headers["content-type"]) == (200, "image/svg+xml")
        captions = [f">{data['object']}, page {page + 1}<" for page in PROMPTED_PAGES.values()]
        assert any(caption in drawing.text for caption in captions)
        assert re.search(r'<path d="M\d+ \d+h\d+', drawing.text)

    editor.tag = "image"
    editor.page.set_viewport_size(SMALL)
    editor.open(corrections.address(TaskKey(corrections.project_id, int(tasks[0]["task"]))))
    editor.page.wait_for_function(LOADED)
    editor.page.wait_for_timeout(500)
    picture(editor.page, "correction-1-object-beside")
    bar = editor.page.get_by_role("button", name="Submit").bounding_box()
    assert bar is not None
    for x, y in lower_right_corners(editor):
        assert x <= SMALL["width"]
        assert y <= bar["y"]


def test_a_label_config_without_the_picture_works_and_is_told_once(
    propagated: ProjectSetup, projects: Projects, masklet: Masklet, label_studio: LabelStudioServer
) -> None:
    said, tasks = next_into(propagated, projects("Corrections without it", PLAIN), label_studio, masklet)
    assert said.count("does not show the object on its prompted frame") == 1
    assert len(tasks) == 4
