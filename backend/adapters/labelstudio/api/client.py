"""Client of Label Studio: reads tasks, annotations, drafts and media, writes predictions.

One client per Label Studio and user. It uses only the address and token it was made with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, Annotations
from backend.adapters.labelstudio.api.data_table import DataTables
from backend.adapters.labelstudio.api.downloads import Downloader, DownloadResult
from backend.adapters.labelstudio.api.media_policy import MediaPolicy, Resolve
from backend.adapters.labelstudio.api.predictions import Predictions
from backend.adapters.labelstudio.api.projects import Projects
from backend.adapters.labelstudio.api.session import Session, version_of
from backend.adapters.labelstudio.api.stored_tasks import newest_task, stored_task
from backend.adapters.labelstudio.api.task_changes import TaskChanges
from backend.adapters.labelstudio.api.task_creation import TaskImports
from backend.adapters.labelstudio.api.transfer import Sink
from backend.domain.errors import NotAllowed
from backend.domain.tasks import TaskKey

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
        self.projects = Projects(self._session)
        self.table = DataTables(self._session)
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

    def describe_task(self, task: TaskKey, fields: Mapping[str, object]) -> None:
        """Writes fields into the task's data, deletes those that are None, and keeps the others. Raises likewise."""
        TaskChanges(self._session).put_fields(task.task_id, fields)

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        """The task, with its data as they are stored.

        Raises NotAllowed if it is of another project, NotFound if it does not exist.
        """
        record = self._session.call(f"read task {task.task_id}", lambda sdk: stored_task(sdk, task.task_id))
        if record.project_id != task.project_id:
            raise NotAllowed(f"task {task.task_id} is not of project {task.project_id}")
        return TaskRecord(task, record.data)

    def newest_task(self, project_id: int) -> TaskRecord | None:
        """The project's task with the highest number; None without tasks. Raises NotFound for a missing project."""
        what = f"read a task of project {project_id}"
        newest = self._session.call(what, lambda sdk: newest_task(sdk, project_id))
        return None if newest is None else TaskRecord(TaskKey(project_id, newest.task_id), newest.data)

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
                query=json.dumps(changed_query(since)),
                page=1,
                page_size=limit if since else 1,
                fields="task_only",
            ),
        )
        records = (ChangedTask(TaskKey(project_id, int(t.id)), written_time(t.updated_at)) for t in found.items or ())
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
        return version_of(self._session)

    def whoami(self) -> str:
        """The e-mail address of the token's user. Raises LabelStudioRefused for an invalid token."""
        user: Any = self._session.call("ask who the token's user is", lambda sdk: sdk.users.whoami())
        return str(user.email or user.username)


def changed_query(since: str) -> dict[str, object]:
    """Label Studio's filter for annotated tasks changed at a time or later, in the order of change."""
    items = [{"filter": "filter:tasks:total_annotations", "operator": "greater", "type": "Number", "value": 0}]
    if not since:
        return {"filters": {"conjunction": "and", "items": items}, "ordering": ["-tasks:updated_at"]}
    after = {"filter": "filter:tasks:updated_at", "operator": "greater_or_equal", "type": "Datetime", "value": since}
    return {"filters": {"conjunction": "and", "items": [*items, after]}, "ordering": ["tasks:updated_at"]}


def written_time(time: datetime) -> str:
    """A time in the form of Label Studio's filters."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
