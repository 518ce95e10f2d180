"""`/health`: the process is up, the workers' model, the number of workers."""

from __future__ import annotations

from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.status_poller import STALE_S

MODEL_CLASS = "MaskletModel"
DEMO_NOTICE = "This is the demo model: it shows how Masklet works and is not for real work."
STARTING_NOTICE = "No worker has announced its model yet."


def health(service: AppState) -> dict[str, object]:
    """The reply of /health, from the last status snapshot: it makes no call and does not wait."""
    figures = service.pulse.snapshot
    model = figures.model
    notice = STARTING_NOTICE if model is None else DEMO_NOTICE if model.is_demo else ""
    setting = service.parts.settings.model
    return {
        "status": "UP",
        "model_class": MODEL_CLASS,
        "model": setting if model is None else model.name,
        "model_version": f"masklet-{setting}-starting" if model is None else model.version,
        "is_demo": model is not None and model.is_demo,
        "notice": notice,
        "device": None if model is None else model.device,
        "workers": None if figures.workers is None else dict(figures.workers),
        "queue_depth": None if figures.depths is None else dict(figures.depths),
        "queue": _queue(service),
        "annotations": _annotations(service),
    }


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
