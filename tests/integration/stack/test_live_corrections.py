"""Correction tasks on a real Label Studio, the whole stack behind it: made, handed out, submitted, carried back."""

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
PATIENCE_S = 240.0
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
        """`masklet next`, as somebody types it."""
        arguments = ["next", str(self.videos), "--frames", str(count), "--into", str(self.corrections)]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    def prompts(self, task: TaskKey) -> PromptSet:
        """What led to the task's newest propagation."""
        job = self.ledger.jobs(task=task, kind=JobKind.PROPAGATE)[0]
        return self.ledger.request(job.job_id).prompts

    def done(self, task: TaskKey) -> int:
        """How many propagations of a task are finished."""
        return len(self.ledger.jobs(task=task, kind=JobKind.PROPAGATE, states=(JobState.DONE,)))


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.3)


@pytest.fixture
def stage(
    label_studio: LabelStudioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CorrectionSetup]:
    """Two projects with the backend connected: one of videos, one for corrections."""
    environment = {
        "MASKLET_MODEL": "demo",
        "MASKLET_DEVICE": "cpu",
        "MASKLET_PORT": "19490",
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


def brush(stage: CorrectionSetup, number: int, page: int) -> Json:
    """The true mask of an object, as somebody draws it on a page."""
    assert stage.clip.truth is not None
    mask = stage.clip.truth[page, number]
    return {
        "id": f"drawn-{number}",
        "from_name": "mask",
        "to_name": "frames",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [LABELS[number]]},
        "item_index": page,
        "original_width": stage.clip.width,
        "original_height": stage.clip.height,
        "image_rotation": 0,
    }


def test_the_worst_frame_is_handed_out_first_and_its_correction_comes_back_to_the_video(stage: CorrectionSetup) -> None:
    api = stage.api
    video = TaskKey(stage.videos, api.add_task(stage.videos, dict(stage.clip.addresses())))
    api.add_annotation(video.task_id, [brush(stage, number, 0) for number in (0, 1)])
    until(lambda: bool(api.predictions(video.task_id)), "the first propagation")

    assert f"Project {stage.corrections}: 9 correction tasks made, 0 were there already." in stage.next(9)
    made = _tasks(stage)
    assert sorted(data["frame"] for data in made.values()) == list(range(1, PAGES))
    scores = {}
    for task_id, data in made.items():
        (prediction,) = api.predictions(task_id)
        assert prediction.score is not None
        assert data["uncertainty"] == f"{1 - prediction.score:.4f}"
        assert {region["from_name"] for region in prediction.result} == {"mask"}
        assert data["image"] == _page(stage, data["frame"])
        scores[task_id] = prediction.score
    worst = min(scores, key=lambda task_id: scores[task_id])
    assert api.next_task(stage.corrections) == worst
    assert api.task_data(video.task_id)["uncertainty"] == made[worst]["uncertainty"]

    before, frame = stage.done(video), made[worst]["frame"]
    result = _moved(api.predictions(worst)[0].result)
    api.add_annotation(worst, result)
    until(lambda: stage.done(video) > before, "the propagation from the correction")
    fresh = [prompt for prompt in stage.prompts(video).on_frame(frame) if prompt.mask is not None]
    assert {stage.prompts(video).labels[prompt.object_id] for prompt in fresh} == _labels(result)
    for prompt in fresh:
        (region,) = [one for one in result if _label(one) == stage.prompts(video).labels[prompt.object_id]]
        size = FrameSize(stage.clip.width, stage.clip.height)
        np.testing.assert_array_equal(prompt.mask, decode_rle(region["value"]["rle"], size))
    del scores[worst]
    assert api.next_task(stage.corrections) == min(scores, key=lambda task_id: scores[task_id])

    _audit_is_counted(stage, scores)
    _forgery_is_refused(stage, video)


def _audit_is_counted(stage: CorrectionSetup, left: dict[int, float]) -> None:
    """One of nine frames is an audit; which, nobody is told. All are left as they are."""
    for task_id in left:
        stage.api.add_annotation(task_id, stage.api.predictions(task_id)[0].result)

    def says() -> str:
        return CliRunner().invoke(app, ["status", str(stage.videos)]).output

    until(lambda: "audited masks were wrong" in says(), "the audit")
    assert "too few to judge by, 30 are needed" in says()


def _forgery_is_refused(stage: CorrectionSetup, video: TaskKey) -> None:
    """Somebody makes a task of their own that claims to correct the video."""
    _settled(stage, video)
    before, done = stage.ledger.prompts(video).digest(), stage.done(video)
    claim = {"corrects": {"project": video.project_id, "task": video.task_id, "frame": 5}}
    forged = stage.api.add_task(stage.corrections, {"image": _page(stage, 5), "masklet": claim})
    drawn = {**brush(stage, 0, 5), "to_name": "image", "item_index": 0}
    stage.api.add_annotation(forged, [drawn])
    refused = "Masklet did not make this correction of frame 5"
    until(lambda: refused in stage.masklet.log.read_text() + _web_log(stage), "the refusal")
    assert stage.ledger.prompts(video).digest() == before
    assert stage.done(video) == done


def _settled(stage: CorrectionSetup, video: TaskKey) -> None:
    """Wait until what was submitted has led to its propagations: none open, and none new for a while."""
    seen: tuple[int, float] = (-1, 0.0)
    deadline = time.monotonic() + PATIENCE_S
    while seen[0] < 0 or time.monotonic() - seen[1] < QUIET_S:
        assert time.monotonic() < deadline, "the propagations did not come to rest"
        jobs = stage.ledger.jobs(task=video, kind=JobKind.PROPAGATE)
        if len(jobs) != seen[0] or not all(job.state.is_final for job in jobs):
            seen = len(jobs), time.monotonic()
        time.sleep(0.3)


def _page(stage: CorrectionSetup, index: int) -> str:
    """The address of a page."""
    pages = stage.clip.addresses()["frames"]
    assert isinstance(pages, list)
    return str(pages[index])


def _tasks(stage: CorrectionSetup) -> dict[int, Json]:
    listed = stage.api.tasks(stage.corrections)
    return {task_id: stage.api.task_data(task_id) for task_id in listed}


def _web_log(stage: CorrectionSetup) -> str:
    return "".join(path.read_text() for path in sorted((stage.masklet.data_dir / "logs").glob("*")))


def _moved(result: list[Json]) -> list[Json]:
    """The regions of a prediction, each shifted a little: what a person made of them."""
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
