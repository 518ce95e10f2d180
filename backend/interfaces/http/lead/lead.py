"""What the routes of the lead's page share: who is a lead, the projects that a lead sees, and a project's tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from backend.application.crowd.lead.processing import Processing
from backend.application.crowd.lead.project_table import LeadTask, lead_tasks
from backend.application.crowd.lead.summaries import Summaries
from backend.application.ports.lead_ledger import ProjectRows
from backend.domain.crowd.estimates import Estimate
from backend.domain.errors import NotAllowed
from backend.domain.jobs import Job
from backend.domain.recent import Recent
from backend.domain.tasks import MediaRef, TaskKey
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.lead.export_runs import ExportRuns
from backend.interfaces.http.lead.listing import TaskListing
from backend.interfaces.http.lead.quality_process import QualityProcess
from backend.interfaces.http.lead.shared_exports import SharedExports
from backend.interfaces.http.player.problems import NoLeads, NotLead
from backend.interfaces.http.player.renewed import Renewed
from backend.interfaces.http.player.sessions import Caller, open_sessions
from backend.interfaces.http.player.tasks import PlayerTasks

PREFIX = "/api/lead"
PROJECT = "/projects/{project}"
TASK = "/tasks/{project}/{task}"

THREADS = 4
"""Requests at once that read masks or make pictures: a grid of thumbnails delays no annotator."""

PROJECTS_FRESH_S = 10.0
PROJECTS_S = 60.0
"""How long Label Studio's answer about projects counts."""

NEW_S = 1.0
"""The same for a project that was not among them: it may be new."""

PEOPLE_KEPT = 1000

TABLES_KEPT = 16
"""Projects and leads of which the tasks are kept in memory; a thousand tasks take some MiB."""


@dataclass(frozen=True, slots=True)
class OpenedProject:
    """A project that a lead sees. unread: the count of finished propagations without a summary.

    is_listed: whether Label Studio's own list of tasks is part of it.
    """

    project_id: int
    tasks: tuple[LeadTask, ...]
    unread: int
    is_listed: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Sources:
    """Of what a project's tasks are made. listed: what Label Studio shows to the lead; None if that is not known."""

    rows: ProjectRows
    names: Mapping[TaskKey, str]
    listed: frozenset[TaskKey] | None
    agreement: Mapping[TaskKey, Estimate]

    def are(self, others: _Sources) -> bool:
        """Whether a table of the others is one of these. Rows must be the same: comparing them takes a table's time."""
        own = self.names, self.listed, self.agreement
        return self.rows is others.rows and own == (others.names, others.listed, others.agreement)


def _table(sources: _Sources) -> tuple[LeadTask, ...]:
    listed = sources.listed
    tasks = lead_tasks(sources.rows, names=sources.names, listed=listed or (), agreement=sources.agreement)
    return tasks if listed is None else tuple(task for task in tasks if task.task in listed)


class Lead:
    """One app's lead's page."""

    def __init__(self, state: AppState) -> None:
        parts = state.parts
        access = None if parts.player is None else parts.player.access
        self.state = state
        self.quality = parts.quality
        self.crowd = parts.crowd
        self.sessions = open_sessions(parts.player, parts.clock)
        self.listing = TaskListing(access, parts.clock)
        self.summaries = Summaries(parts.ledger, parts.annotation_service.masks)
        self.processing = Processing(parts.ledger, self._submit)
        shared = None if parts.shared_exports is None else SharedExports(parts.shared_exports)
        self.exports = None if parts.exports is None else ExportRuns(parts.exports, shared)
        self._access = access
        self._leads = frozenset(entry.strip().lower() for entry in parts.settings.leads if entry.strip())
        self._projects: Renewed[str, Mapping[int, str]] = Renewed(
            PEOPLE_KEPT, parts.clock, renew_after_s=PROJECTS_FRESH_S, longest_s=PROJECTS_S
        )
        self._tables: Recent[tuple[str, int], tuple[_Sources, tuple[LeadTask, ...]]] = Recent(TABLES_KEPT)
        self._tasks = PlayerTasks(state)
        self._threads = CapacityLimiter(THREADS)

    def require_lead(self, caller: Caller) -> Caller:
        """Raises NoLeads, NotLead. Without a Label Studio there is one person, whom the password guards."""
        if self._access is None:
            return caller
        if not self._leads:
            raise NoLeads
        if caller.user.lower() not in self._leads and str(caller.user_id or "") not in self._leads:
            raise NotLead(caller.name)
        return caller

    def caller(self, request: Request) -> Caller:
        """The lead of a request. Raises SignInNeeded, NoLeads, NotLead."""
        return self.require_lead(self.sessions.caller(request.cookies))

    def titles(self, caller: Caller, *, longest_s: float = PROJECTS_S) -> Mapping[int, str]:
        """The projects that Label Studio shows to the lead, with titles. Without one, those of the ledger.

        longest_s: the highest age of the answer.
        """
        access = self._access

        def read() -> Mapping[int, str]:
            if access is None:
                return dict.fromkeys(self.state.parts.ledger.known_projects(), "")
            return access.projects(caller.credential)

        return self._projects.get(caller.user, read, longest_s=longest_s)

    def require_project(self, request: Request, project_id: int) -> Caller:
        """Raises NotAllowed if Label Studio does not show the project to the lead."""
        caller = self.caller(request)
        if project_id not in self.titles(caller) and project_id not in self.titles(caller, longest_s=NEW_S):
            raise NotAllowed(f"Label Studio does not show project {project_id} to you")
        return caller

    def opened(self, request: Request, project_id: int) -> OpenedProject:
        """All tasks of a project. Raises as `require_project` does."""
        caller = self.require_project(request, project_id)
        parts = self.state.parts
        rows = parts.ledger.project_rows(project_id)
        unread = len(self.summaries.missing(rows))
        if unread:
            self.summaries.want(project_id, parts.clock.monotonic_s())
        listed = self.listing.tasks(caller.user, caller.credential, project_id)
        sources = _Sources(rows, self._names(project_id), listed, self.quality.agreement(project_id))
        made = self._tables.get((caller.user, project_id))
        if made is None or not made[0].are(sources):
            made = sources, _table(sources)
            self._tables.put((caller.user, project_id), made)
        is_listed = listed is not None or not self.listing.has_label_studio
        return OpenedProject(project_id, made[1], unread, is_listed)

    def label_studio_address(self, task: TaskKey) -> str:
        """The task's page in Label Studio; empty without one."""
        player = self.state.parts.player
        if player is None or not player.label_studio_url:
            return ""
        return f"{player.label_studio_url}/projects/{task.project_id}/data?task={task.task_id}"

    def media(self, task: TaskKey) -> MediaRef:
        """See PlayerTasks."""
        return self._tasks.media(task)

    async def read(self, work: Callable[[], JSONResponse | Response]) -> Response:
        """Work on the ledger alone."""
        return await self.state.quickly(work)

    async def slowly(self, work: Callable[[], Response]) -> Response:
        """Work that reads masks or makes pictures, in one of a few threads."""
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def sweep(self) -> None:
        """Beside the requests: reads runs of the projects that somebody looks at."""
        clock = self.state.parts.clock
        give_up_s = clock.monotonic_s() + 1.0
        for project_id in self.summaries.wanted(clock.monotonic_s()):
            self.summaries.fill(project_id, lambda: clock.monotonic_s() < give_up_s)

    def sweep_quality(self) -> None:
        """Beside the requests: measures the quality of projects, one at a time."""
        if self.state.parts.measuring is not None:
            self.state.parts.measuring.sweep(QualityProcess)

    def close(self) -> None:
        """Ends the processes of pictures, exports and quality."""
        if self.state.parts.measuring is not None:
            self.state.parts.measuring.close()
        if self.state.parts.thumbnails is not None:
            self.state.parts.thumbnails.close()
        if self.exports is not None:
            self.exports.close()

    def _names(self, project_id: int) -> Mapping[TaskKey, str]:
        """The names of the imported tasks."""
        media = self.state.parts.media
        return {} if media is None else {item.task: item.name for item in media.records.items(project_id)}

    def _submit(self, task: TaskKey, user: str) -> Job | None:
        return self.state.parts.annotation_service.propagate(self._tasks.user_task(task, user))
