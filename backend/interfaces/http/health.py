"""`/health`: the process is up, the workers' model, the workers that make progress and those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backend.domain.jobs import DEMO_NOTICE, JobKind, ModelInfo
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.background import late_steps
from backend.interfaces.http.status_poller import STALE_S

UP = "UP"
DEGRADED = "DEGRADED"
"""The process answers, and a worker or a step beside the requests makes no progress."""

MODEL_CLASS = "MaskletModel"
STARTING_NOTICE = "No worker has announced its model yet."


def health(service: AppState) -> dict[str, object]:
    """The reply of /health, from the last status snapshot: it makes no call and does not wait."""
    figures = service.pulse.snapshot
    model = figures.model
    silent = dict(figures.silent_workers or {})
    late = late_steps(service.background)
    setting = service.parts.settings.model
    return {
        "status": DEGRADED if any(silent.values()) or late else UP,
        "model_class": MODEL_CLASS,
        "model": setting if model is None else model.name,
        "model_version": f"masklet-{setting}-starting" if model is None else model.version,
        "is_demo": model is not None and model.is_demo,
        "notice": " ".join(_notices(model, silent, late)),
        "device": None if model is None else model.device,
        "workers": None if figures.workers is None else dict(figures.workers),
        "silent_workers": None if figures.silent_workers is None else silent,
        "late": late,
        "queue_depth": None if figures.depths is None else dict(figures.depths),
        "queue": _queue(service),
        "annotations": _annotations(service),
        "leases": None if service.parts.leases is None else service.parts.leases.document(),
    }


def _notices(model: ModelInfo | None, silent: Mapping[JobKind, int], late: Mapping[str, float]) -> Iterator[str]:
    if model is None:
        yield STARTING_NOTICE
    elif model.is_demo:
        yield DEMO_NOTICE
    for kind, count in silent.items():
        if count:
            yield f"{count} {kind} worker{'s make' if count > 1 else ' makes'} no progress."
    for name, seconds_s in late.items():
        yield f"{name} has been running for {seconds_s:.0f} s."


def _annotations(service: AppState) -> object:
    """How it is learned, project by project, that annotations were submitted: by webhook or by poll."""
    if service.poll is None:
        return "not read: LABEL_STUDIO_URL is not set"
    return dict(service.poll.change_sources)


def _queue(service: AppState) -> str:
    trouble = service.pulse.snapshot.queue_trouble
    if trouble:
        return trouble
    age_s = service.pulse.age_s
    return "up" if age_s < STALE_S else f"no answer for {age_s:.0f} s"
