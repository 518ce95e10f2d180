"""Client of Label Studio: reads tasks, annotations, drafts and media, writes predictions, checks the connection.

One client per Label Studio and user. It uses only the address and token it was made with.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, Annotations
from backend.adapters.labelstudio.api.downloads import Downloader, DownloadResult, Sink
from backend.adapters.labelstudio.api.media_policy import MediaPolicy, Resolve
from backend.adapters.labelstudio.api.predictions import Predictions
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.task_creation import TaskImports
from backend.domain.errors import LabelStudioRefused, NotAllowed
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

GIB = 1 << 30
DOWNLOAD_DEADLINE_S = 3600.0


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task of Label Studio's API. data: the task's JSON."""

    key: TaskKey
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DraftRecord:
    """A user's draft on a task. user: as in the drafts of a request."""

    user: str
    result: list[object]


@dataclass(frozen=True, slots=True)
class ChangedTask:
    """A changed task. updated_at: the time of the change, in the form of Label Studio's filters."""

    key: TaskKey
    updated_at: str


@dataclass(frozen=True, slots=True)
class BackendRecord:
    """An ML backend of a project. is_connected: Label Studio's last attempt reached it."""

    backend_id: int
    url: str
    title: str
    is_connected: bool
    is_interactive: bool
    problem: str


class LabelStudioClient:
    """The PredictionSink and all other calls to Label Studio. Connects on the first call."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        media_hosts: Iterable[str] = (),
        max_media_bytes: int = 20 * GIB,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        resolve: Resolve | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """url: Label Studio's address. token: a personal access token or a legacy one.

        media_hosts: further origins of media; "*" means every public one.
        transport, resolve, monotonic_s: replace the network, the name service and the clock.
        Raises NotAllowed if url or a media host is not an http or https address.
        """
        self._session = Session(url, token, timeout_s=timeout_s, transport=transport)
        self._predictions = Predictions(self._session)
        self.imports = TaskImports(self._session)
        self.saved = Annotations(self._session)
        self.media_policy = MediaPolicy.of(url, media_hosts, resolve)
        self._downloader = Downloader(
            policy=self.media_policy,
            authorization=self._session.authorization,
            renew=self._session.renew,
            monotonic_s=monotonic_s,
            max_bytes=max_media_bytes,
            deadline_s=DOWNLOAD_DEADLINE_S,
            transport=transport,
        )

    def close(self) -> None:
        self._session.close()

    # predictions

    def put_prediction(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float
    ) -> int:
        """Creates or updates the task's prediction of this model version; returns its id. score: 0..1.

        Raises LabelStudioUnavailable (a retry may help), LabelStudioRefused or NotFound (it will not).
        """
        return self._predictions.put(task, model_version=model_version, result=result, score=score)

    # tasks

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        """The task. Raises NotAllowed if it is of another project, NotFound if it does not exist."""
        record: Any = self._session.call(f"read task {task.task_id}", lambda sdk: sdk.tasks.get(str(task.task_id)))
        if record.project != task.project_id:
            raise NotAllowed(f"task {task.task_id} is not of project {task.project_id}")
        return TaskRecord(task, dict(record.data or {}))

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        """The task's saved annotations, oldest first, cancelled ones included."""
        return self.saved.of_task(task)

    def drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]:
        """All users' drafts on the task; a request of the page has only its own user's."""
        found = self._session.read(f"list the drafts of task {task.task_id}", f"/api/tasks/{task.task_id}/drafts")
        entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
        return tuple(
            DraftRecord(str(entry["user"]), list(entry.get("result") or [])) for entry in entries if entry.get("user")
        )

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        """The project's annotated tasks changed at a time or later, earliest change first.

        since: a ChangedTask's updated_at; empty: only the task changed last.
        """
        found: Any = self._session.call(
            f"list what changed in project {project_id}",
            lambda sdk: sdk.tasks.list(
                project=project_id,
                query=json.dumps(_changed_query(since)),
                page=1,
                page_size=limit if since else 1,
                fields="task_only",
            ),
        )
        records = (ChangedTask(TaskKey(project_id, int(t.id)), _written_time(t.updated_at)) for t in found.items or ())
        return tuple(records)

    def label_config(self, project_id: int) -> str:
        """The project's label config."""
        project: Any = self._session.call(f"read project {project_id}", lambda sdk: sdk.projects.get(project_id))
        return str(project.label_config or "")

    # media

    def download(self, address: str, sink: Sink, *, validator: str = "") -> DownloadResult:
        """Writes the media at an address of a task's data into sink; see Downloader.download."""
        return self._downloader.download(address, sink, validator=validator)

    # health

    def version(self) -> str:
        """Label Studio's release, such as "1.23.2". Raises LabelStudioUnavailable or LabelStudioRefused."""
        return str(self._session.call("read its version", lambda sdk: sdk.versions.get()).release)

    def whoami(self) -> str:
        """The e-mail address of the token's user. Raises LabelStudioRefused for an invalid token."""
        user: Any = self._session.call("ask who the token's user is", lambda sdk: sdk.users.whoami())
        return str(user.email or user.username)

    def backends(self, project_id: int) -> tuple[BackendRecord, ...]:
        """The ML backends of a project."""
        found: list[Any] = self._session.call(
            f"list the ML backends of project {project_id}", lambda sdk: sdk.ml.list(project=project_id)
        )
        return tuple(_backend(entry) for entry in found)

    def connect_backend(
        self, project_id: int, url: str, *, title: str, user: str = "", password: str = ""
    ) -> BackendRecord:
        """Connects an ML backend to a project, unless it is connected; returns Label Studio's record of it.

        Label Studio may answer "reserved network address" although it made the connection and refused only the
        webhook: the backend's record afterwards decides.
        Raises LabelStudioRefused with the settings that Label Studio needs if there is no record.
        """
        known = self._backend_at(project_id, url)
        if known is not None:
            return known
        basic = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password} if user else {}
        try:
            self._session.call(
                f"connect the backend to project {project_id}",
                lambda sdk: sdk.ml.create(project=project_id, url=url, title=title, is_interactive=True, **basic),
            )
        except LabelStudioRefused as error:
            made = self._backend_at(project_id, url)
            if made is None:
                raise LabelStudioRefused(f"{error}. If the address is a private one, {REMEDY}") from error
            logger.warning("project %d: the backend is connected, but its webhook was refused: %s", project_id, error)
            return made
        made = self._backend_at(project_id, url)
        if made is None:
            raise LabelStudioRefused(f"Label Studio did not keep the backend at {url}")
        return made

    def try_backend(self, url: str) -> str:
        """The reason why Label Studio cannot use an ML backend at this address; empty if it can.

        Connects the backend to a trial project and deletes the project. Raises LabelStudioUnavailable, or
        LabelStudioRefused if the token may not create projects.
        """
        project: Any = self._session.call(
            "make a project to try the backend on",
            lambda sdk: sdk.projects.create(title=TRIAL_TITLE, label_config=TRIAL_CONFIG),
        )
        try:
            made = self.connect_backend(int(project.id), url, title="trial")
        except LabelStudioRefused as error:
            return str(error)
        finally:
            self._session.call("remove the trial project", lambda sdk: sdk.projects.delete(int(project.id)))
        return "" if made.is_connected else made.problem or "it cannot be reached from there"

    def _backend_at(self, project_id: int, url: str) -> BackendRecord | None:
        wanted = url.rstrip("/")
        return next((b for b in self.backends(project_id) if b.url.rstrip("/") == wanted), None)


TRIAL_TITLE = "Masklet doctor (removed at once)"
TRIAL_CONFIG = (
    '<View><Video name="video" value="$video"/><Labels name="l" toName="video"><Label value="A"/></Labels></View>'
)

REMEDY = (
    "start Label Studio with ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false, or narrow its ban with "
    "USE_DEFAULT_BANNED_SUBNETS=false and USER_ADDITIONAL_BANNED_SUBNETS"
)
"""Settings with which Label Studio 1.23.1 and later accepts a backend on localhost or in a private network."""


def _changed_query(since: str) -> dict[str, object]:
    """Label Studio's filter for annotated tasks changed at a time or later, in the order of change."""
    items = [{"filter": "filter:tasks:total_annotations", "operator": "greater", "type": "Number", "value": 0}]
    if not since:
        return {"filters": {"conjunction": "and", "items": items}, "ordering": ["-tasks:updated_at"]}
    after = {"filter": "filter:tasks:updated_at", "operator": "greater_or_equal", "type": "Datetime", "value": since}
    return {"filters": {"conjunction": "and", "items": [*items, after]}, "ordering": ["tasks:updated_at"]}


def _written_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _backend(entry: Any) -> BackendRecord:  # noqa: ANN401  (the SDK has no types that mypy follows)
    return BackendRecord(
        backend_id=int(entry.id),
        url=str(entry.url),
        title=str(entry.title or ""),
        is_connected=entry.state == "CO",
        is_interactive=bool(entry.is_interactive),
        problem=str(entry.error_message or "")[:500],
    )
