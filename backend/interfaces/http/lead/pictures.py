"""Routes of pictures: the thumbnail of a task, and the report on its masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from backend.adapters.report.page import report_page
from backend.adapters.report.thumbnails import data_url
from backend.application.crowd.lead.summaries import summary_of
from backend.application.jobs.queries import newest_propagation
from backend.application.review.audits import Audits
from backend.application.review.next_frames import next_frames, task_video
from backend.domain.audits import tally
from backend.domain.errors import MaskletError, NotFound, ServiceUnavailable
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex, FrameRange
from backend.interfaces.http.lead.lead import TASK, Lead
from backend.interfaces.http.player.documentation import described_as

KEPT = "private, max-age=31536000, immutable"
"""Of an address that names the run: its masks never change."""

ASKED_AGAIN = "private, no-cache"
VIDEO = "video"
"""The value of `of` that asks for the video's first frame, without masks."""

REPORTED_FRAMES = 12
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class _Subject:
    """A frame of a run, and the job that made it."""

    run: str
    frame: int
    job_id: str


class PictureRoutes:
    """Makes pictures on demand."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def add_to(self, router: APIRouter) -> None:
        picture = described_as("Shows the most uncertain frame of a task with its masks", "image/jpeg", "The picture.")
        router.add_api_route(TASK + "/thumbnail", self.thumbnail, methods=["GET"], response_class=Response, **picture)
        report = described_as("Shows the uncertainty of a task's masks over time", "text/html", "The page.")
        router.add_api_route(TASK + "/report", self.report, methods=["GET"], response_class=Response, **report)

    async def thumbnail(self, request: Request, project: int, task: int, run: str = "", of: str = "") -> Response:
        def shown() -> Response:
            self._lead.require_project(request, project)
            subject = None if of == VIDEO else self._subject(TaskKey(project, task), run)
            if subject is None:
                return self._first_frame(request, TaskKey(project, task))
            return _answer(
                request,
                f"{subject.run}-{subject.frame}",
                KEPT if run else ASKED_AGAIN,
                lambda: self._picture(subject),
            )

        return await self._lead.slowly(shown)

    async def report(self, request: Request, project: int, task: int) -> Response:
        def shown() -> Response:
            self._lead.require_project(request, project)
            page = self._report(TaskKey(project, task))
            headers = {"Content-Security-Policy": REPORT_POLICY, "Cache-Control": "no-store"}
            return Response(page, headers=headers, media_type="text/html; charset=utf-8")

        return await self._lead.slowly(shown)

    def _first_frame(self, request: Request, task: TaskKey) -> Response:
        """Of the task's video, without masks. Raises MediaError, MediaUnreachable or ServiceUnavailable."""
        media = self._lead.media(task)
        name = "media-" + hashlib.sha256("\n".join(media.addresses).encode()).hexdigest()[:32]

        def picture() -> bytes:
            thumbnails = self._lead.state.parts.thumbnails
            if thumbnails is None:
                raise ServiceUnavailable("this process makes no pictures")
            return thumbnails.get(name, 0) or thumbnails.make(name, 0, media, "", [])

        return _answer(request, name, ASKED_AGAIN, picture)

    def _subject(self, task: TaskKey, run: str) -> _Subject | None:
        """What the thumbnail shows: the run's most uncertain frame; without a run, the newest preview.

        None: there are no masks yet. Raises NotFound.
        """
        ledger = self._lead.state.parts.ledger
        if not run:
            previews = ledger.jobs(task=task, kind=JobKind.INTERACTIVE, states=(JobState.DONE,), limit=1)
            if not previews:
                return None
            request = ledger.request(previews[0].job_id)
            assert isinstance(request, PreviewRequest), "a job of a click has a preview request"
            return _Subject(previews[0].masks_run, int(request.frame_index), previews[0].job_id)
        figures = ledger.run_figures(task, run)
        if figures is None:
            user = self._job_of(task, run).user
            summary = summary_of(task, user, run, self._lead.state.parts.annotation_service.masks)
            ledger.put_summary(summary)
            figures = summary.figures
        return _Subject(run, figures.worst_frame, _job_id(run))

    def _job_of(self, task: TaskKey, run: str) -> Job:
        """The propagation of a run. Raises NotFound if it is not the task's."""
        job = self._lead.state.parts.ledger.job(_job_id(run))
        if job.task != task or job.masks_run != run:
            raise NotFound(f"task {task} has no masks under {run[:60]!r} any more")
        return job

    def _picture(self, subject: _Subject) -> bytes:
        """Raises NotFound, MediaError, MediaUnreachable or ServiceUnavailable."""
        parts = self._lead.state.parts
        if parts.thumbnails is None:
            raise ServiceUnavailable("this process makes no pictures")
        known = parts.thumbnails.get(subject.run, subject.frame)
        if known is not None:
            return known
        frame = FrameRange(FrameIndex(subject.frame), FrameIndex(subject.frame + 1))
        found = parts.annotation_service.masks.partial(subject.run, frame)
        if found is None:
            raise NotFound(f"no masks are stored under {subject.run!r}")
        masks = [next((each.mask for each in masklet.frames), None) for masklet in found.masklets]
        media = parts.ledger.request(subject.job_id).media
        content_hash = "" if media.is_pages else str(found.video.content_hash)
        return parts.thumbnails.make(subject.run, subject.frame, media, content_hash, masks)

    def _report(self, task: TaskKey) -> str:
        """The page of the newest finished propagation. Raises NotFound."""
        parts = self._lead.state.parts
        job = newest_propagation(parts.ledger, task)
        if job is None:
            raise NotFound(f"task {task} has not been propagated yet")
        masks = parts.annotation_service.masks
        video = task_video(job, masks, parts.key_values)
        chosen = next_frames([video], REPORTED_FRAMES, rng=np.random.default_rng(0))
        found = Audits(parts.key_values).tallies(task.project_id).get(video.model_version)

        def picture(index: int) -> str:
            try:
                return data_url(self._picture(_Subject(job.masks_run, index, job.job_id)))
            except MaskletError:
                return ""  # the page says the rest

        audits = (found or tally([], is_probability=video.is_probability)).sentence()
        return report_page(video, chosen, labels=video.labels, picture=picture, audits=audits)


def _answer(request: Request, name: str, kept: str, picture: Callable[[], bytes]) -> Response:
    """A picture, or 304 if the browser has it. name: another one for each picture."""
    headers = {"ETag": f'"{name}"', "Cache-Control": kept}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(picture(), headers=headers, media_type="image/jpeg")


def _job_id(run: str) -> str:
    """Of a run's name; see run_name."""
    return run.rpartition("-a")[0]
