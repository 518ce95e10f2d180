"""Label Studio's button Start Training, and its question for a training's state."""

from __future__ import annotations

from fastapi.responses import JSONResponse

from backend.domain.errors import NotFound
from backend.domain.training.rows import Training, TrainingState
from backend.interfaces.http.app_state import AppState, json_reply
from backend.interfaces.http.calls import required_text

ASKED_BY = "Label Studio's button"
"""Label Studio does not say who pressed it."""

STATUS = {
    TrainingState.QUEUED: "queued",
    TrainingState.RUNNING: "started",
    TrainingState.DONE: "finished",
    TrainingState.FAILED: "failed",
    TrainingState.CANCELLED: "stopped",
}
"""As RQ, and so Label Studio, names states."""

GONE = 410
"""Label Studio takes it for a job that was removed."""


def start_training(service: AppState, project_id: int) -> JSONResponse:
    """Starts a training with the settings' choices. For a project with an open one, answers with that one.

    `job` is the training's id: Label Studio keeps it.
    """
    trainings = service.parts.trainings
    if trainings is None:
        return json_reply({"status": "ignored", "reason": "LABEL_STUDIO_URL is not set: labels cannot be read"})
    training, is_new = trainings.start(project_id, user=ASKED_BY)
    detail = "queued" if is_new else f"training {training.name} of this project is {training.state} already"
    return json_reply({**_form(training), "status": "accepted", "detail": detail}, 201 if is_new else 200)


def training_status(service: AppState, document: dict[str, object]) -> JSONResponse:
    """The state of a training, by its id."""
    trainings = service.parts.trainings
    try:
        if trainings is None:
            raise NotFound("this Masklet trains nothing: LABEL_STUDIO_URL is not set")
        return json_reply(_form(trainings.trainings.ledger.training(required_text(document, "job"))))
    except NotFound as error:
        return json_reply({"detail": str(error)}, GONE)


def _form(training: Training) -> dict[str, object]:
    return {
        "job": training.training_id,
        "job_status": STATUS[training.state],
        "training": training.name,
        "project": training.request.project_id,
        "share": training.progress.share,
        "phase": training.progress.phase,
        "error": training.reason if training.state is TrainingState.FAILED else "",
    }
