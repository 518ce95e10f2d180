"""Jobs over HTTP: submit a propagation directly, follow it, cancel it."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.application.annotation.annotation_service import UserTask
from backend.application.jobs.push_predictions import frame_uncertainties
from backend.domain.errors import MalformedRequest, NotFound, ServiceUnavailable
from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey
from backend.interfaces.http.app_state import AppState, json_reply
from backend.interfaces.http.calls import job_call
from backend.interfaces.labelstudio.frame_numbering import wait_for_status
from backend.interfaces.labelstudio.tasks import require_labels, user_task_of

MOST_JOBS_LISTED = 1000

MAX_DIGITS = 18
"""The most digits of a project's number."""

PROBE_S = 5.0
"""The longest wait for a worker that opens unknown media."""


def job_routes(service: AppState) -> APIRouter:
    router = APIRouter()
    annotation_service = service.parts.annotation_service

    @router.get("/jobs")
    async def list_jobs(
        task: str = "", kind: str = "", state: str = "", project: int = 0, limit: int = 100
    ) -> JSONResponse:
        def listed() -> JSONResponse:
            jobs = service.parts.ledger.jobs(
                task=_task_key(task) if task else None,
                project_id=project or None,
                kind=_kind(kind),
                states=_states(state),
                limit=min(max(limit, 1), MOST_JOBS_LISTED),
            )
            return json_reply({"jobs": [job_summary(job) for job in jobs], "counts": _counts(service)})

        return await service.quickly(listed)

    @router.get("/jobs/{job_id}")
    async def show_job(job_id: str, project: str = "") -> JSONResponse:
        return await service.quickly(lambda: json_reply(job_details(service, _job(service, job_id, project))))

    @router.post("/jobs/{job_id}/cancel")
    async def cancel_job(job_id: str, project: str = "") -> JSONResponse:
        def cancelled() -> JSONResponse:
            _job(service, job_id, project)
            return json_reply(job_summary(service.parts.ledger.cancel(job_id)))

        return await service.quickly(cancelled)

    @router.post("/jobs")
    async def submit_job(request: Request) -> JSONResponse:
        def submitted(document: dict[str, object]) -> JSONResponse:
            call = job_call(document)
            user_task = user_task_of(
                call.task, call.key, label_config=call.label_config, model_version=service.require_model_version()
            )
            require_labels(call.prompts.labels.values(), read_binding(call.label_config))
            _probe(service, user_task)
            job = annotation_service.replace_prompts(user_task, call.prompts, scope=call.scope)
            assert job is not None, "a prompt file without prompts is refused when it is parsed"
            return json_reply(job_summary(job), 202)

        return await service.answer(request, submitted, waits=True)

    return router


def _probe(service: AppState, user_task: UserTask) -> None:
    """Has a worker open unknown media before prompts are replaced, so that bad ones do not replace good ones.

    Without a worker the prompts are accepted unchecked; a job withdraws those past the end later. Raises the worker's
    error about the media.
    """
    parts = service.parts
    if parts.annotation_service.frame_count(user_task) is None and parts.ledger.prompts(user_task.task):
        give_up_s = parts.clock.monotonic_s() + PROBE_S
        with suppress(ServiceUnavailable):
            wait_for_status(
                parts.prewarm_channel, parts.clock, user_task.media, task=user_task.task, give_up_s=give_up_s
            )


def job_summary(job: Job) -> dict[str, object]:
    """A job as JSON, without what has to be read from its masks."""
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "task": str(job.task),
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "attempt": job.attempt,
        "reason": job.reason,
        "timings_s": dict(job.timings_s),
        "model_version": job.model_version,
    }


def job_details(service: AppState, job: Job) -> dict[str, object]:
    """The summary, with the uncertainty of each frame once the job is done, and the prediction it became."""
    run = service.parts.annotation_service.masks_of(job) if job.state is JobState.DONE else None
    push = service.parts.ledger.latest_push(job.task, job_id=job.job_id)
    return {
        **job_summary(job),
        "uncertainty": None if run is None else frame_uncertainties(run),
        "prediction_id": None if push is None else push.prediction_id,
    }


def _job(service: AppState, job_id: str, project: str) -> Job:
    """A job of that project. Raises MalformedRequest without a project, NotFound for a job of another one."""
    if not (project.isascii() and project.isdecimal() and len(project) <= MAX_DIGITS):
        raise MalformedRequest("invalid field 'project': name the job's project by its number, as in ?project=1")
    missing = NotFound(f"project {int(project)} has no job {job_id[:60]!r}")
    try:
        job = service.parts.ledger.job(job_id)
    except NotFound:
        raise missing from None
    if job.task.project_id != int(project):
        raise missing
    return job


def _counts(service: AppState) -> dict[str, dict[str, int]]:
    """How many jobs there are of each kind and state, of all projects."""
    counts = service.parts.ledger.counts()
    return {str(kind): {str(state): counts.get((kind, state), 0) for state in JobState} for kind in JobKind}


def _task_key(text: str) -> TaskKey:
    project, slash, task = text.partition("/")
    if not (slash and project.isdecimal() and task.isdecimal() and len(text) <= 40):
        raise MalformedRequest("invalid field 'task': it must be \"PROJECT/TASK\", two numbers")
    return TaskKey(int(project), int(task))


def _kind(text: str) -> JobKind | None:
    if text and text not in tuple(JobKind):
        raise MalformedRequest(f"invalid field 'kind': it must be among {', '.join(JobKind)}")
    return JobKind(text) if text else None


def _states(text: str) -> tuple[JobState, ...]:
    if not text:
        return ()
    try:
        return tuple(JobState(state) for state in text.split(","))
    except ValueError:
        raise MalformedRequest(f"invalid field 'state': it must be among {', '.join(JobState)}") from None
