"""Masklet's main job through the containers: a clip, a connected project, clicks, masks as a prediction.

Every container is killed once on the way.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from scripts.container_runs.engine import ContainersFailed, Say
from scripts.container_runs.stack import MEDIA, Stack
from scripts.demonstration.backend import Json
from scripts.demonstration.clip import Clip, prepare_demo_clip
from scripts.demonstration.measure import masks_of_regions, mean_iou
from scripts.demonstration.prediction_wait import NoMasks, prompt_until_answered, wait_for_prediction
from scripts.demonstration.projects import CLICKED_CONFIG, CONFIGS
from scripts.demonstration.prompting import click_region
from scripts.label_studio.api import LabelStudioAnswered, LabelStudioApi

CONNECT = ("masklet", "connect", "--config", "keep", "--yes", "--url", "http://web:9090")
PROGRESS_S = 300.0
LEAST_IOU = 0.5
"""What tests/e2e asks of the demo: far above masks of the wrong frame, object or scale."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came back. killed: the services, in order. masks: non-empty ones, by object and page. jobs: by state."""

    prediction_id: int
    masks: int
    pages: int
    objects: int
    mean_iou: float
    killed: list[str]
    jobs: dict[str, int]


class MaskletInContainers:
    """Masklet's HTTP interface through the published port."""

    def __init__(self, stack: Stack) -> None:
        settings = stack.settings
        self.data_dir = stack.log.parent
        self._http = httpx.Client(
            base_url=f"http://localhost:{settings['MASKLET_PORT']}",
            auth=("masklet", settings["MASKLET_BASIC_AUTH_PASS"]),
            timeout=30.0,
        )

    def require_alive(self) -> None:
        """Containers are started again by the engine: an end is none."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json | None:
        try:
            reply = self._http.get(path, params=params)
            reply.raise_for_status()
            document: Json = reply.json()
        except (httpx.HTTPError, ValueError):
            return None
        return document

    def metrics(self) -> str:
        """The text of /metrics. Raises ContainersFailed without an answer."""
        try:
            reply = self._http.get("/metrics")
            reply.raise_for_status()
        except httpx.HTTPError as error:
            raise ContainersFailed(f"/metrics did not answer: {error}") from error
        return reply.text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


class MainJob:
    """One run of the main job."""

    def __init__(self, stack: Stack, masklet: MaskletInContainers, api: LabelStudioApi, say: Say) -> None:
        self._stack = stack
        self._masklet = masklet
        self._api = api
        self._say = say
        self._killed: list[str] = []
        self._project_id = self._task_id = self._backend_id = 0

    def run(self) -> Result:
        """Clicks every object of the clip and reads its masks back. Raises ContainersFailed, NoMasks."""
        clip = prepare_demo_clip(self._stack.files)
        self._connect(clip)
        first, *others = clip.clicks
        self._click(click_region(first, clip))
        self._wait_for_progress()
        self._crash("propagate")
        self._crash("valkey")
        self._wait()
        # Answered only after the worker is back: the click is asked again until it is.
        self._crash("interactive")
        for click in others:
            self._click(click_region(click, clip))
        self._wait_for_progress()
        self._crash("postgres")
        self._crash("web")
        # The prediction is pushed when Label Studio answers again.
        self._crash("label-studio")
        prediction_id = self._wait()
        self._stack.wait_healthy()
        return self._read_back(clip, prediction_id)

    def _connect(self, clip: Clip) -> None:
        """Makes the project with the clip's task, and connects it from inside the web container."""
        config = (CONFIGS / f"{CLICKED_CONFIG}.xml").read_text()
        self._project_id = self._api.ensure_project("Masklet in containers", config)
        self._api.ensure_local_files(self._project_id, Path(MEDIA))
        self._task_id = self._api.add_task(self._project_id, clip.addresses(Path(MEDIA).name))
        program, command, *options = CONNECT
        self._say(self._stack.execute("web", program, command, str(self._project_id), *options).splitlines()[-1])
        self._backend_id = self._api.backend_of(self._project_id)

    def _click(self, region: Json) -> None:
        prompt_until_answered(lambda: self._api.ask(self._backend_id, self._task_id, region), self._masklet)

    def _crash(self, service: str) -> None:
        self._stack.crash(service)
        self._killed.append(service)
        self._say(f"killed {service}")

    def _wait_for_progress(self) -> None:
        """Returns when a propagation has written frames and is not at its end, or is done."""
        deadline = time.monotonic() + PROGRESS_S
        while time.monotonic() < deadline:
            jobs = self._jobs(limit=1)
            if jobs and (jobs[0]["done"] > 0 or jobs[0]["state"] == "done"):
                return
            time.sleep(0.1)
        raise ContainersFailed(f"no frame within {PROGRESS_S:.0f} s: {self._stack.last_lines('propagate')}")

    def _wait(self) -> int:
        """The id of the prediction that has the masks of all prompts so far."""
        return wait_for_prediction(
            self._masklet, self._project_id, self._task_id, lambda done, total: None
        ).prediction_id

    def _jobs(self, *, limit: int = 100) -> list[Json]:
        params = {"task": f"{self._project_id}/{self._task_id}", "kind": "propagate", "limit": str(limit)}
        listed = self._masklet.get("/jobs", params)
        return list(listed["jobs"]) if listed is not None else []

    def _read_back(self, clip: Clip, prediction_id: int) -> Result:
        """What Label Studio has. Raises ContainersFailed if something of it is missing or there twice."""
        found = self._api.predictions(self._task_id)
        if [prediction.prediction_id for prediction in found] != [prediction_id]:
            raise ContainersFailed(f"Label Studio has predictions {found}, expected {prediction_id} alone")
        masks = masks_of_regions(found[0].result)
        assert clip.truth is not None, "the demo's clip has true masks"
        overlap = mean_iou(masks, clip.truth)
        objects = {label for label, _ in masks}
        states = [str(job["state"]) for job in self._jobs()]
        jobs = {state: states.count(state) for state in sorted(set(states))}
        if len(objects) != len(clip.clicks) or overlap < LEAST_IOU or set(jobs) - {"done", "superseded"}:
            raise ContainersFailed(
                f"{len(objects)} of {len(clip.clicks)} objects came back, mean IoU {overlap:.3f} "
                f"(at least {LEAST_IOU}), jobs {jobs}"
            )
        return Result(prediction_id, len(masks), clip.pages, len(objects), round(overlap, 4), list(self._killed), jobs)


def run_main_job(stack: Stack, say: Say) -> Result:
    """Runs it on a healthy stack. Raises ContainersFailed with the reason if something was lost."""
    settings = stack.settings
    url = f"http://localhost:{settings['LABEL_STUDIO_PORT']}"
    try:
        with LabelStudioApi(url, settings["LABEL_STUDIO_API_KEY"]) as api, MaskletInContainers(stack) as masklet:
            return MainJob(stack, masklet, api, say).run()
    except (NoMasks, LabelStudioAnswered) as error:
        raise ContainersFailed(str(error)) from error
