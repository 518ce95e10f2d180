"""Who a person is in Label Studio, and which tasks that person may see.

A person is known by the cookie of Label Studio's session or by a token. Both are sent to the configured Label Studio
alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.storage_addresses import as_stored, resolving_task
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, NotAllowed, NotFound
from backend.domain.tasks import TaskKey

TIMEOUT_S = 10.0
PROJECTS_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Credential:
    """One of both: the `sessionid` cookie of Label Studio, or a token."""

    session_id: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.session_id or self.token)


@dataclass(frozen=True, slots=True)
class LabelStudioUser:
    """email: the name under which prompts are recorded. user_id: Label Studio's; 0 if it did not say."""

    email: str
    name: str
    user_id: int = 0


@dataclass(frozen=True, slots=True)
class TaskPage:
    """total: the count of all tasks of the project that the person sees."""

    tasks: tuple[TaskKey, ...]
    total: int


def _wanted(field_name: str, value: str) -> list[dict[str, object]]:
    """The filters for tasks with a value in a field. The database has the storage's address, not the resolver's."""
    name, task_id = f"filter:tasks:data.{field_name}", resolving_task(value)
    if task_id is None:
        return [{"filter": name, "operator": "equal", "type": "String", "value": value}]
    stored = as_stored(value, task_id)
    return [
        {"filter": name, "operator": "equal", "type": "String", "value": stored},
        {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": task_id},
    ]


class UserAccess:
    """Asks Label Studio as the person. server: the session of Masklet's own token, for searches."""

    def __init__(self, url: str, server: Session, *, transport: httpx.BaseTransport | None = None) -> None:
        """transport: replaces the network."""
        self._url = url.rstrip("/")
        self._server = server
        self._transport = transport
        self._http = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, transport=transport)

    def whoami(self, credential: Credential) -> LabelStudioUser:
        """The person. Raises NotAllowed if Label Studio does not know the credential, LabelStudioUnavailable."""
        status, body = self._get("/api/current-user/whoami", credential)
        if status != httpx.codes.OK or not isinstance(body, dict) or not (body.get("email") or body.get("username")):
            raise NotAllowed("Label Studio does not know this login")
        email = str(body.get("email") or body.get("username"))
        name = " ".join(str(body.get(part) or "") for part in ("first_name", "last_name")).strip()
        number = body.get("id")
        return LabelStudioUser(email, name or email, number if type(number) is int else 0)

    def may_see(self, credential: Credential, task: TaskKey) -> bool:
        """Whether Label Studio shows the task to the person. Raises LabelStudioUnavailable."""
        status, body = self._get(f"/api/tasks/{task.task_id}/", credential)
        return status == httpx.codes.OK and isinstance(body, dict) and body.get("project") == task.project_id

    def tasks(self, credential: Credential, project_id: int, *, page: int, page_size: int) -> TaskPage:
        """A page of the tasks that Label Studio shows to the person in a project, by number; the first page is 1.

        Raises NotAllowed for a hidden project, NotFound for a page past the end, LabelStudioUnavailable.
        """
        query = {
            "project": project_id,
            "page": page,
            "page_size": page_size,
            "fields": "task_only",
            "include": "id",
            "query": json.dumps({"ordering": ["tasks:id"]}),
        }
        status, body = self._get(f"/api/tasks/?{urlencode(query)}", credential)
        if status == httpx.codes.NOT_FOUND and page > 1:
            raise NotFound(f"project {project_id} has no page {page} of {page_size} tasks")
        if status != httpx.codes.OK or not isinstance(body, dict):
            raise NotAllowed(f"Label Studio does not show project {project_id} to you")
        ids = [int(task["id"]) for task in body.get("tasks") or ()]
        return TaskPage(tuple(TaskKey(project_id, number) for number in ids), int(body.get("total") or 0))

    def projects(self, credential: Credential) -> dict[int, str]:
        """The titles of all projects that Label Studio shows to the person, by number; one call for each 1,000.

        Raises NotAllowed if Label Studio does not know the credential, LabelStudioUnavailable.
        """
        found: dict[int, str] = {}
        page = 1
        while True:
            query = {"page": page, "page_size": PROJECTS_A_PAGE, "include": "id,title", "ordering": "id"}
            status, body = self._get(f"/api/projects/?{urlencode(query)}", credential)
            if status != httpx.codes.OK or not isinstance(body, dict):
                raise NotAllowed("Label Studio does not show its projects to you")
            listed = body.get("results") or ()
            found |= {int(entry["id"]): str(entry.get("title") or "") for entry in listed}
            if len(listed) < PROJECTS_A_PAGE:
                return found
            page += 1

    def find_task(self, project_id: int, field_name: str, value: str) -> TaskKey:
        """The newest task of a project whose data has this value in a field. Raises NotFound.

        value: as the page has it: an address of cloud storage is the resolver's, which names the task.
        """
        query = {"filters": {"conjunction": "and", "items": _wanted(field_name, value)}, "ordering": ["-tasks:id"]}
        found: Any = self._server.call(
            f"find a task of project {project_id}",
            lambda sdk: sdk.tasks.list(
                project=project_id, query=json.dumps(query), page=1, page_size=1, fields="task_only", include="id"
            ),
        )
        ids = [int(task.id) for task in found.items or ()]
        if not ids:
            raise NotFound(f"project {project_id} has no task whose {field_name} is {value[:200]!r}")
        return TaskKey(project_id, ids[0])

    def close(self) -> None:
        self._http.close()
        self._server.close()

    def _get(self, path: str, credential: Credential) -> tuple[int, object]:
        """Status and JSON; None for another body."""
        try:
            reply = self._http.get(self._url + path, headers=self._headers(credential))
        except httpx.HTTPError as error:
            raise LabelStudioUnavailable(
                f"Label Studio at {self._url} does not answer ({type(error).__name__}); try again"
            ) from error
        if reply.status_code >= 500:
            raise LabelStudioUnavailable(f"Label Studio answered {reply.status_code}; try again")
        try:
            return reply.status_code, reply.json()
        except ValueError:
            return reply.status_code, None

    def _headers(self, credential: Credential) -> dict[str, str]:
        if not credential.token:
            return {"Cookie": f"sessionid={credential.session_id}"}
        session = Session(self._url, credential.token, timeout_s=TIMEOUT_S, transport=self._transport)
        try:
            return {"Authorization": session.authorization()}
        except (LabelStudioRefused, NotFound) as error:
            raise NotAllowed("Label Studio refuses this token") from error
        finally:
            session.close()
