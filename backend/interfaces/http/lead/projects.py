"""Routes that show a project: tasks, counts, people, queues, uncertainty and audits; each as JSON or CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from backend.adapters.labelstudio.reading.fields import as_text, as_whole
from backend.application.crowd.effort.report import project_effort
from backend.application.crowd.lead.label_counts import label_counts
from backend.application.crowd.lead.project_table import (
    LeadTask,
    counts_by_state,
    counts_by_verdict,
    needing_masks,
)
from backend.application.review.audits import Audits
from backend.domain.errors import MalformedRequest
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.lead import forms
from backend.interfaces.http.lead.documentation import tabled
from backend.interfaces.http.lead.lead import PREFIX, PROJECT, Lead, OpenedProject
from backend.interfaces.http.lead.schemas import LabelTable, LeadPeople, LeadProjects, LeadTaskList, Queues, Review
from backend.interfaces.http.player.bodies import SessionBody
from backend.interfaces.http.player.documentation import described
from backend.interfaces.http.player.schemas import Person
from backend.interfaces.http.player.sessions import COOKIE, SESSION_S

MOST_ON_A_PAGE = 200
MOST_UNCERTAIN = 20

Order = Callable[[LeadTask], tuple[object, ...]]
ORDERS: Mapping[str, Order] = {
    "number": lambda task: (task.task.task_id,),
    "name": lambda task: (task.name, task.task.task_id),
    "uncertainty": lambda task: (-(-1.0 if task.uncertainty is None else task.uncertainty), task.task.task_id),
    "agreement": lambda task: (2.0 if task.agreement is None else task.agreement.mean, task.task.task_id),
    "newest": lambda task: (-max((each.sequence for each in task.work), default=0), task.task.task_id),
}
"""Tasks of which the value is not known come last."""


class ProjectRoutes:
    """Shows projects."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def add_to(self, router: APIRouter) -> None:
        signed_in = described("Signs a lead in by a cookie", Person, body=SessionBody)
        router.add_api_route("/session", self.sign_in, methods=["POST"], **signed_in)
        listed = described("Lists the projects that the lead sees", LeadProjects, changes=False)
        router.add_api_route("/projects", self.projects, methods=["GET"], **listed)
        tables = (
            ("/tasks", self.tasks, "Lists the tasks of a project with the work of all people", LeadTaskList),
            ("/labels", self.labels, "Counts objects and masks per video and label", LabelTable),
            ("/people", self.people, "Shows effort, agreement, gold and trust of people", LeadPeople),
            ("/queues", self.queues, "Shows the queues of the project's crowd", Queues),
        )
        for path, show, summary, form in tables:
            router.add_api_route(
                PROJECT + path, show, methods=["GET"], response_class=Response, **tabled(summary, form)
            )
        review = described("Shows the most uncertain tasks, and the audits", Review, changes=False)
        router.add_api_route(PROJECT + "/review", self.review, methods=["GET"], **review)

    async def sign_in(self, request: Request) -> JSONResponse:
        def signed_in(document: dict[str, object]) -> JSONResponse:
            token = as_text(document.get("token") or "", "token")
            caller, cookie = self._lead.sessions.sign_in(request.cookies, token)
            self._lead.require_lead(caller)
            reply = json_reply({"user": caller.user, "name": caller.name})
            is_secure = request.url.scheme == "https"
            reply.set_cookie(
                COOKIE, cookie, max_age=SESSION_S, path=PREFIX, httponly=True, samesite="lax", secure=is_secure
            )
            return reply

        return await self._lead.state.answer(request, signed_in)

    async def projects(self, request: Request) -> Response:
        def listed() -> JSONResponse:
            caller = self._lead.caller(request)
            titles = self._lead.titles(caller)
            projects = [{"project": each, "title": titles[each]} for each in sorted(titles)]
            return json_reply({"projects": projects, "name": caller.name})

        return await self._lead.read(listed)

    async def tasks(self, request: Request, project: int) -> Response:
        def shown() -> Response:
            query = request.query_params
            wanted, order = forms.filter_of(query), _order_of(query.get("order") or "number")
            page, size = _page_of(query)
            opened = self._lead.opened(request, project)
            found = sorted((task for task in opened.tasks if wanted.admits(task)), key=order)
            if _is_csv(query):
                rows = [forms.task_row(self._form(task)) for task in found]
                return forms.csv_reply(f"project-{project}-tasks", rows, ("task",))
            shown = found[(page - 1) * size : page * size]
            return json_reply(
                {
                    "tasks": [self._form(task) for task in shown],
                    "total": len(found),
                    "of": len(opened.tasks),
                    "counts": _counts(opened),
                    "unread": opened.unread,
                    "is_listed": opened.is_listed,
                    "is_measuring": self._lead.quality.is_measuring(project),
                }
            )

        return await self._lead.read(shown)

    async def labels(self, request: Request, project: int) -> Response:
        def counted() -> Response:
            opened = self._lead.opened(request, project)
            ledger = self._lead.state.parts.ledger
            objects, summaries = ledger.objects(project), ledger.summaries(project)
            counts = label_counts(objects, summaries, ledger.prompt_efforts(project), opened.tasks)
            rows = forms.label_forms(counts)
            if _is_csv(request.query_params):
                return forms.csv_reply(f"project-{project}-labels", rows, ("task", "label"))
            return json_reply({"rows": rows})

        return await self._lead.read(counted)

    async def people(self, request: Request, project: int) -> Response:
        def shown() -> Response:
            parts = self._lead.state.parts
            opened = self._lead.opened(request, project)
            by_user = {}
            if parts.settings.effort:
                phase = self._lead.crowd.phase(project)
                by_user = {each.user: each for each in project_effort(parts.ledger, parts.ledger, project, phase=phase)}
            quality = self._lead.quality.people(project)
            trust = self._lead.quality.trust_over_time(project)
            names = sorted({*by_user, *quality, *(each.user for task in opened.tasks for each in task.work)})
            people = [
                forms.person_form(name, by_user.get(name), quality.get(name), trust.get(name, ())) for name in names
            ]
            if _is_csv(request.query_params):
                return forms.csv_reply(f"project-{project}-people", list(map(forms.person_row, people)), ("user",))
            return json_reply(
                {
                    "people": people,
                    "is_effort_recorded": parts.settings.effort,
                    "is_measuring": self._lead.quality.is_measuring(project),
                }
            )

        return await self._lead.read(shown)

    async def queues(self, request: Request, project: int) -> Response:
        def shown() -> Response:
            self._lead.require_project(request, project)
            rows = forms.queue_forms(self._lead.crowd.queues(project))
            if _is_csv(request.query_params):
                return forms.csv_reply(f"project-{project}-queues", rows, ("stage",))
            return json_reply({"queues": rows})

        return await self._lead.read(shown)

    async def review(self, request: Request, project: int) -> Response:
        def shown() -> JSONResponse:
            opened = self._lead.opened(request, project)
            uncertain = [task for task in sorted(opened.tasks, key=ORDERS["uncertainty"]) if task.uncertainty]
            return json_reply(
                {
                    "audits": forms.audit_forms(Audits(self._lead.state.parts.key_values).tallies(project)),
                    "uncertain": [self._form(task) for task in uncertain[:MOST_UNCERTAIN]],
                    "unread": opened.unread,
                }
            )

        return await self._lead.read(shown)

    def _form(self, task: LeadTask) -> forms.Json:
        return forms.task_form(task, self._lead.label_studio_address(task.task))


def _counts(opened: OpenedProject) -> forms.Json:
    return {
        "states": counts_by_state(opened.tasks),
        "verdicts": counts_by_verdict(opened.tasks),
        "labels": _sorted_counts(label for task in opened.tasks for label in task.labels),
        "people": _sorted_counts(each.user for task in opened.tasks for each in task.work),
        "needing_masks": len(needing_masks(opened.tasks)),
    }


def _sorted_counts(names: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(names).items()))


def _order_of(name: str) -> Order:
    if name not in ORDERS:
        raise MalformedRequest(f"order must be one of {', '.join(ORDERS)}, not {name[:60]!r}")
    return ORDERS[name]


def _page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Page and its size, from 1. Raises MalformedRequest or PromptError."""
    texts: Sequence[tuple[str, str, int]] = (("page", "1", 2**31 - 1), ("page_size", "60", MOST_ON_A_PAGE))
    numbers = []
    for field, default, most in texts:
        text = query.get(field) or default
        if not text.isascii() or not text.isdecimal() or len(text) > 10:
            raise MalformedRequest(f"{field} must be a whole number, not {text[:60]!r}")
        numbers.append(as_whole(int(text), field, least=1, most=most))
    return numbers[0], numbers[1]


def _is_csv(query: Mapping[str, str]) -> bool:
    name = query.get("as") or "json"
    if name not in ("json", "csv"):
        raise MalformedRequest(f"as must be json or csv, not {name[:60]!r}")
    return name == "csv"
