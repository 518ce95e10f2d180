"""Correction tasks on a real Label Studio with the whole stack: made, offered, submitted, used as prompts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle, encode_rle
from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.domain.geometry import FrameSize
from backend.domain.jobs import JobKind, JobState
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.interfaces.cli import app
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import LABELS, Clip, prepare_demo_clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIGS = Path(__file__).parents[3] / "label_config"
PAGES = 10
TIMEOUT_S = 240.0
QUIET_S = 10.0
Json = dict[str, Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class CorrectionSetup:
    api: LabelStudioApi
    masklet: MaskletProcess
    ledger: SqlLedger
    clip: Clip
    videos: int
    corrections: int

    def next(self, count: int) -> str:
        """Run `masklet next`; returns its output."""
        arguments = ["next", str(self.videos), "--frames", str(count), "--into", str(self.corrections)]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    def prompts(self, task: TaskKey) -> PromptSet:
        """The prompts of the task's newest propagation."""
        job = self.ledger.jobs(task=task, kind=JobKind.PROPAGATE)[0]
        return self.ledger.request(job.job_id).prompts

    def done(self, task: TaskKey) -> int:
        """The count of finished propagations of a task."""
        return len(self.ledger.jobs(task=task, kind=JobKind.PROPAGATE, states=(JobState.DONE,)))


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.3)


@pytest.fixture
def setup(
    label_studio: LabelStudioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CorrectionSetup]:
    """Two projects with the backend connected: one of videos, one for corrections."""
    environment = {
        "MASKLET_MODEL": "demo",
        "MASKLET_DEVICE": "cpu",
        "MASKLET_PORT": "19630",
        "MASKLET_DATA_DIR": str(tmp_path / "masklet"),
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.login.token,
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clip = replace(prepare_demo_clip(label_studio.files), pages=PAGES)
    masklet = MaskletProcess(tmp_path / "masklet")
    masklet.launch(label_studio_url=label_studio.url, token=label_studio.login.token)
    try:
        model = masklet.wait()
        with (
            LabelStudioApi(label_studio.url, label_studio.login.token) as api,
            closing(open_ledger(f"sqlite:///{masklet.data_dir / 'ledger.sqlite'}", SystemClock())) as ledger,
        ):
            numbers = []
            for config in ("frames.xml", "keyframe.xml"):
                project = api.ensure_project(f"{config} {tmp_path.name}", (CONFIGS / config).read_text())
                api.ensure_local_files(project, clip.folder.parent)
                api.ensure_backend(project, masklet.url, model.version)
                numbers.append(project)
            yield CorrectionSetup(api, masklet, ledger, clip, *numbers)
    finally:
        masklet.stop()


def brush(setup: CorrectionSetup, number: int, page: int) -> Json:
    """The true mask of an object, as a person's brush region on a page."""
    assert setup.clip.truth is not None
    mask = setup.clip.truth[page, number]
    return {
        "id": f"drawn-{number}",
        "from_name": "mask",
        "to_name": "frames",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [LABELS[number]]},
        "item_index": page,
        "original_width": setup.clip.width,
        "original_height": setup.clip.height,
        "image_rotation": 0,
    }


def test_the_worst_frame_comes_first_and_corrects_the_video(setup: CorrectionSetup) -> None:
    api = setup.api
    video = TaskKey(setup.videos, api.add_task(setup.videos, dict(setup.clip.addresses())))
    api.add_annotation(video.task_id, [brush(setup, number, 0) for number in (0, 1)])
    wait_until(lambda: bool(api.predictions(video.task_id)), "the first propagation")

    assert f"Project {setup.corrections}: 9 correction tasks made, 0 were there already." in setup.next(9)
    made = _tasks(setup)
    assert sorted(data["frame"] for data in made.values()) == list(range(1, PAGES))
    scores = {}
    for task_id, data in made.items():
        (prediction,) = api.predictions(task_id)
        assert prediction.score is not None
        assert data["uncertainty"] == f"{1 - prediction.score:.4f}"
        assert {region["from_name"] for region in prediction.result} == {"mask"}
        assert data["image"] == _page(setup, data["frame"])
        scores[task_id] = prediction.score
    worst = min(scores, key=lambda task_id: scores[task_id])
    assert api.next_task(setup.corrections) == worst
    assert api.task_data(video.task_id)["uncertainty"] == made[worst]["uncertainty"]

    before, frame = setup.done(video), made[worst]["frame"]
    result = _moved(api.predictions(worst)[0].result)
    api.add_annotation(worst, result)
    wait_until(lambda: setup.done(video) > before, "the propagation from the correction")
    fresh = [prompt for prompt in setup.prompts(video).on_frame(frame) if prompt.mask is not None]
    assert {setup.prompts(video).labels[prompt.object_id] for prompt in fresh} == _labels(result)
    for prompt in fresh:
        (region,) = [one for one in result if _label(one) == setup.prompts(video).labels[prompt.object_id]]
        size = FrameSize(setup.clip.width, setup.clip.height)
        np.testing.assert_array_equal(prompt.mask, decode_rle(region["value"]["rle"], size))
    del scores[worst]
    assert api.next_task(setup.corrections) == min(scores, key=lambda task_id: scores[task_id])

    _audit_is_counted(setup, scores)
    _forgery_is_refused(setup, video)


def _audit_is_counted(setup: CorrectionSetup, left: dict[int, float]) -> None:
    """One of nine frames is an audit. All tasks are submitted unchanged."""
    for task_id in left:
        setup.api.add_annotation(task_id, setup.api.predictions(task_id)[0].result)

    def status() -> str:
        return CliRunner().invoke(app, ["status", str(setup.videos)]).output

    wait_until(lambda: "audited masks were wrong" in status(), "the audit")
    assert "too few to judge by, 30 are needed" in status()


def _forgery_is_refused(setup: CorrectionSetup, video: TaskKey) -> None:
    """A task without a signature that claims to correct the video is refused."""
    _wait_until_idle(setup, video)
    before, done = setup.ledger.prompts(video).digest(), setup.done(video)
    claim = {"corrects": {"project": video.project_id, "task": video.task_id, "frame": 5}}
    forged = setup.api.add_task(setup.corrections, {"image": _page(setup, 5), "masklet": claim})
    drawn = {**brush(setup, 0, 5), "to_name": "image", "item_index": 0}
    setup.api.add_annotation(forged, [drawn])
    refused = "Masklet did not make this correction of frame 5"
    wait_until(lambda: refused in setup.masklet.log.read_text() + _web_log(setup), "the refusal")
    assert setup.ledger.prompts(video).digest() == before
    assert setup.done(video) == done


def _wait_until_idle(setup: CorrectionSetup, video: TaskKey) -> None:
    """Wait until the video has no open propagation, and no new one for QUIET_S."""
    seen: tuple[int, float] = (-1, 0.0)
    deadline = time.monotonic() + TIMEOUT_S
    while seen[0] < 0 or time.monotonic() - seen[1] < QUIET_S:
        assert time.monotonic() < deadline, "the propagations did not end"
        jobs = setup.ledger.jobs(task=video, kind=JobKind.PROPAGATE)
        if len(jobs) != seen[0] or not all(job.state.is_final for job in jobs):
            seen = len(jobs), time.monotonic()
        time.sleep(0.3)


def _page(setup: CorrectionSetup, index: int) -> str:
    """The address of a page."""
    pages = setup.clip.addresses()["frames"]
    assert isinstance(pages, list)
    return str(pages[index])


def _tasks(setup: CorrectionSetup) -> dict[int, Json]:
    listed = setup.api.tasks(setup.corrections)
    return {task_id: setup.api.task_data(task_id) for task_id in listed}


def _web_log(setup: CorrectionSetup) -> str:
    return "".join(path.read_text() for path in sorted((setup.masklet.data_dir / "logs").glob("*")))


def _moved(result: list[Json]) -> list[Json]:
    """The regions of a prediction, each shifted by 7 pixels, as a person's correction."""
    moved = []
    for region in result:
        size = FrameSize(region["original_width"], region["original_height"])
        mask = np.roll(decode_rle(region["value"]["rle"], size), 7, axis=1)
        moved.append({**region, "value": {**region["value"], "rle": encode_rle(mask)}})
    return moved


def _label(region: Json) -> str:
    return str(region["value"]["brushlabels"][0])


def _labels(result: list[Json]) -> set[str]:
    return {_label(region) for region in result}
