"""Label Studio's Start Training: from submitted masks to a measured checkpoint, with the real worker and model."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.geometry import BoolMask, RgbFrame
from scripts.demonstration.backend import MaskletProcess
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.fakes.commands import masklet
from tests.fakes.eventually import eventually

CONFIG = (Path(__file__).parents[2] / "label_config" / "frames.xml").read_text()
WIDTH, HEIGHT, PAGES, VIDEOS = 128, 96, 3, 4
SETTINGS = {
    "MASKLET_MODEL": "auto",
    "MASKLET_DEVICE": "cpu",
    "MASKLET_PORT": "19391",
    "MASKLET_TRAIN_MINUTES": "0.05",
    "MASKLET_TRAIN_WHAT": "decoder",
}
PATIENCE_S = 1500.0
"""A training of seconds is measured twice, which takes minutes of a busy machine."""
Json = dict[str, Any]


@pytest.fixture
def process(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[MaskletProcess]:
    """A Masklet of its own: another model is in use than the other tests', and a training needs a worker."""
    started = MaskletProcess(tmp_path / "masklet")
    started.launch(label_studio_url=label_studio.url, token=label_studio.login.token, settings=SETTINGS)
    yield started
    started.stop()


@pytest.fixture
def environment(label_studio: LabelStudioServer, process: MaskletProcess) -> dict[str, str]:
    """For commands on the data folder of `process`."""
    return {
        **os.environ,
        **SETTINGS,
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.login.token,
        "MASKLET_DATA_DIR": str(process.data_dir),
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_button_trains_on_submitted_masks_and_measures_what_it_made(
    label_studio: LabelStudioServer, process: MaskletProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project = api.ensure_project("learning", CONFIG)
        folder = label_studio.files / "clips" / "learning"
        addresses = [write_pages(folder / str(number), number) for number in range(VIDEOS)]
        api.ensure_local_files(project, folder)
        model = process.wait()
        backend = api.ensure_backend(project, process.url, model.version)
        for number, pages in enumerate(addresses):
            task = api.add_task(project, {"frames": pages})
            api.add_annotation(task, [brush(page, disc(number, page)) for page in range(PAGES)])
        api.train(backend)
        training = ended(project, environment, tmp_path / "status.json")

    assert (training["state"], training["reason"]) == ("done", "")
    used = training["labels"]["videos"]
    assert [video["frames"] for video in used] == [PAGES] * VIDEOS
    result = training["result"]
    assert (result["videos"], result["held_out_videos"], result["frames"]) == (2, 2, 2 * PAGES)
    assert 0 < result["before"]["j"] <= 1
    assert 0 < result["after"]["j"] <= 1
    assert result["curve"]
    assert bool(result["checkpoint"]) == result["better"]
    shown = tmp_path / "report.html"
    assert masklet("train", "report", f"project:{project}", "--out", str(shown), environment=environment).code == 0
    assert training["name"] in shown.read_text()


def ended(project: int, environment: dict[str, str], file: Path) -> Json:
    """The project's only training, once it has ended."""
    found: list[Json] = []

    def look() -> None:
        assert masklet("train", "status", f"project:{project}", "--json", str(file), environment=environment).code == 0
        found[:] = json.loads(file.read_text())
        time.sleep(0.5)

    eventually(
        lambda: len(found) == 1 and found[0]["state"] not in ("queued", "running"), each=look, patience_s=PATIENCE_S
    )
    return found[0]


def disc(number: int, page: int) -> BoolMask:
    """The object of a video: it moves to the right."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(np.hypot(columns - 40 - 12 * page, rows - 30 - 8 * number) < 14 + 2 * number)


def write_pages(folder: Path, number: int) -> list[str]:
    """The addresses of a video's pages: a disc on a ground of noise, in colours of its own."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(number)
    ground = cv2.resize(rng.integers(40, 110, (6, 8, 3), np.uint8), (WIDTH, HEIGHT))
    colour = rng.integers(130, 255, 3, np.uint8)
    for page in range(PAGES):
        frame: RgbFrame = np.where(disc(number, page)[..., None], colour, ground)
        cv2.imwrite(str(folder / f"{page}.png"), frame)
    return [f"/data/local-files/?d=clips/{folder.parent.name}/{folder.name}/{page}.png" for page in range(PAGES)]


def brush(page: int, mask: BoolMask) -> Json:
    return {
        "id": f"one-{page}",
        "from_name": "mask",
        "to_name": "frames",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": ["Object 1"]},
        "item_index": page,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
    }
