"""Requests masks and waits for the prediction, across restarts of the backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.domain.errors import MaskletError
from scripts.demonstration.backend import Json
from scripts.label_studio.api import LabelStudioAnswered

TIMEOUT_S = 180.0
"""Time limit for the retries of one prompt, and for a job without progress."""

PAUSE_S = 0.25
FINAL = ("failed", "cancelled")

Progress = Callable[[int, int], None]


class RunningMasklet(Protocol):
    """Masklet as a process of this machine, or in containers."""

    @property
    def data_dir(self) -> Path:
        """The folder whose `logs` tell of failures."""
        ...

    def require_alive(self) -> None:
        """Raises if it ended and nothing starts it again."""
        ...

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json | None:
        """The JSON answer, or None without one."""
        ...


class NoMasks(Exception):
    """The masks did not arrive; the message has the reason."""


@dataclass(frozen=True, slots=True)
class FinishedPropagation:
    """A finished propagation. uncertainty: one value per page, 0..1; high means a likely failure."""

    prediction_id: int
    uncertainty: list[float]
    timings_s: dict[str, float]


def prompt_until_answered(ask: Callable[[], list[Json]], masklet: RunningMasklet) -> list[Json]:
    """Repeats a prompt until it has an answer; a repeated prompt counts once. Raises NoMasks after TIMEOUT_S."""
    deadline = time.monotonic() + TIMEOUT_S
    reason = "the answer was empty"
    while time.monotonic() < deadline:
        masklet.require_alive()
        try:
            regions = ask()
        except LabelStudioAnswered as error:
            reason = str(error)
        else:
            if regions:
                return regions
        time.sleep(PAUSE_S)
    raise NoMasks(f"no mask came back within {TIMEOUT_S:.0f} s: {reason}")


def retry_until_accepted(work: Callable[[], None], masklet: RunningMasklet) -> None:
    """Retries while Label Studio refuses, as it does for an unreachable backend. Raises NoMasks after TIMEOUT_S."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        masklet.require_alive()
        try:
            return work()
        except MaskletError as error:
            if time.monotonic() > deadline:
                raise NoMasks(f"Label Studio refused the backend: {error}") from error
        time.sleep(PAUSE_S)


def wait_for_prediction(
    masklet: RunningMasklet, project_id: int, task_id: int, progress: Progress
) -> FinishedPropagation:
    """Waits until the task's newest propagation is a prediction in Label Studio.

    progress: called with (pages done, all pages). Raises NoMasks if the job fails or makes no progress for TIMEOUT_S.
    """
    last_job: object = None
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        masklet.require_alive()
        job = _newest(masklet, project_id, task_id)
        is_done = job is not None and job["state"] == "done"
        details = masklet.get(f"/jobs/{job['job_id']}", {"project": str(project_id)}) if job and is_done else None
        if details is not None and details["prediction_id"] is not None and details["uncertainty"] is not None:
            progress(details["total"], details["total"])
            return FinishedPropagation(details["prediction_id"], details["uncertainty"], details["timings_s"])
        if job is not None and job["state"] in FINAL:
            raise NoMasks(f"the propagation ended {job['state']}: {job['reason']}")
        if job is not None:
            progress(job["done"], job["total"])
        if job is not None and job != last_job:
            last_job, deadline = job, time.monotonic() + TIMEOUT_S
        if time.monotonic() > deadline:
            raise NoMasks(f"no progress for {TIMEOUT_S:.0f} s; the logs are in {masklet.data_dir / 'logs'}")
        time.sleep(PAUSE_S)


def _newest(masklet: RunningMasklet, project_id: int, task_id: int) -> Json | None:
    """The task's newest propagation; None without one or while the backend does not answer."""
    listed = masklet.get("/jobs", {"task": f"{project_id}/{task_id}", "kind": "propagate", "limit": "1"})
    return listed["jobs"][0] if listed is not None and listed["jobs"] else None
