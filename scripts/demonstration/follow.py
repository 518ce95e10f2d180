"""Asking for masks and following the work until its prediction is there, through every restart in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from scripts.demonstration.backend import Json, MaskletProcess
from scripts.label_studio.api import LabelStudioAnswered

PATIENCE_S = 180.0
"""How long one prompt is asked again, and how long a job may stand still."""

PAUSE_S = 0.25
FINAL = ("failed", "cancelled")

Progress = Callable[[int, int], None]


class NoMasks(Exception):
    """The masks did not come; the message says why."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished propagation. uncertainty: one value a page, 0..1, high = look here."""

    prediction_id: int
    uncertainty: list[float]
    timings_s: dict[str, float]


def insist(ask: Callable[[], list[Json]], masklet: MaskletProcess) -> list[Json]:
    """Ask until there is an answer: the same prompt asked twice is one prompt. Raises NoMasks after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    trouble = "the answer was empty"
    while time.monotonic() < deadline:
        masklet.require_alive()
        try:
            regions = ask()
        except LabelStudioAnswered as error:
            trouble = str(error)
        else:
            if regions:
                return regions
        time.sleep(PAUSE_S)
    raise NoMasks(f"no mask came back within {PATIENCE_S:.0f} s: {trouble}")


def persist(work: Callable[[], int], masklet: MaskletProcess) -> int:
    """Try until Label Studio agrees: it refuses a backend that it cannot reach at that moment."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        masklet.require_alive()
        try:
            return work()
        except LabelStudioAnswered as error:
            if time.monotonic() > deadline:
                raise NoMasks(f"Label Studio did not take the backend: {error}") from error
        time.sleep(PAUSE_S)


def follow(masklet: MaskletProcess, project_id: int, task_id: int, progress: Progress) -> Finished:
    """Wait until the task's newest propagation is a prediction in Label Studio.

    progress is told (pages done, pages in all). Raises NoMasks if the job failed, or stood still for PATIENCE_S.
    """
    seen: object = None
    deadline = time.monotonic() + PATIENCE_S
    while True:
        masklet.require_alive()
        job = _newest(masklet, project_id, task_id)
        details = None if job is None or job["state"] != "done" else masklet.get(f"/jobs/{job['job_id']}")
        if details is not None and details["prediction_id"] is not None and details["uncertainty"] is not None:
            progress(details["total"], details["total"])
            return Finished(details["prediction_id"], details["uncertainty"], details["timings_s"])
        if job is not None and job["state"] in FINAL:
            raise NoMasks(f"the propagation ended {job['state']}: {job['reason']}")
        if job is not None:
            progress(job["done"], job["total"])
        if job is not None and job != seen:
            seen, deadline = job, time.monotonic() + PATIENCE_S
        if time.monotonic() > deadline:
            raise NoMasks(f"nothing moved for {PATIENCE_S:.0f} s; the logs are in {masklet.data_dir / 'logs'}")
        time.sleep(PAUSE_S)


def _newest(masklet: MaskletProcess, project_id: int, task_id: int) -> Json | None:
    """The task's newest propagation; None while the backend does not answer."""
    listed = masklet.get("/jobs", {"task": f"{project_id}/{task_id}", "kind": "propagate", "limit": "1"})
    return listed["jobs"][0] if listed is not None and listed["jobs"] else None
