"""Label Studio as Masklet uses it: tasks and annotations in, media in, predictions out, and a look at its health.

One object for one Label Studio and one user. It trusts no address or token but those it was made with.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import httpx

from backend.adapters.labelstudio.api.downloads import Downloader, Fetched
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
    """A task as Label Studio's API has it. data is the task's own JSON."""

    key: TaskKey
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """A saved annotation. result is what `prompts_of_annotation` reads; user is the annotator's number, or empty.

    author: the annotator as Label Studio writes one out, "First Last ann@example.org, 3": drafts know the same
    person by the address alone.
    """

    annotation_id: int
    user: str
    was_cancelled: bool
    result: list[object]
    author: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class DraftRecord:
    """What somebody has on a task's canvas. user: as the drafts of a request name them."""

    user: str
    result: list[object]


@dataclass(frozen=True, slots=True)
class ChangedTask:
    """A task that changed. updated_at: when, in the form in which Label Studio's filters take times."""

    key: TaskKey
    updated_at: str


@dataclass(frozen=True, slots=True)
class BackendRecord:
    """An ML backend that is connected to a project. is_connected: Label Studio could reach it when it last tried."""

    backend_id: int
    url: str
    title: str
    is_connected: bool
    is_interactive: bool
    problem: str


class LabelStudioClient:
    """A PredictionSink, and everything else that is asked of Label Studio. Connects to nothing before it must."""

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

        media_hosts: origins that media may come from besides Label Studio; "*" stands for every public one.
        transport, resolve, monotonic_s: replace the network, the name service and the clock.
        Raises NotAllowed if url or a media host is not an http or https address.
        """
        self._session = Session(url, token, timeout_s=timeout_s, transport=transport)
        self._predictions = Predictions(self._session)
        self.imports = TaskImports(self._session)
        self._downloader = Downloader(
            policy=MediaPolicy.of(url, media_hosts, resolve),
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
        """Make the task's prediction of this model version, or update it if it is there; returns its id.

        Raises LabelStudioUnavailable (retry), LabelStudioRefused or NotFound (do not).
        """
        return self._predictions.put(task, model_version=model_version, result=result, score=score)

    # tasks

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        """The task as Label Studio has it. Raises NotAllowed if it is not of that project, NotFound."""
        record: Any = self._session.call(f"read task {task.task_id}", lambda sdk: sdk.tasks.get(str(task.task_id)))
        if record.project != task.project_id:
            raise NotAllowed(f"task {task.task_id} is not of project {task.project_id}")
        return TaskRecord(task, dict(record.data or {}))

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        """The task's saved annotations, oldest first, cancelled ones included."""
        found: list[Any] = self._session.call(
            f"list the annotations of task {task.task_id}", lambda sdk: sdk.annotations.list(task.task_id)
        )
        records = (
            AnnotationRecord(
                annotation_id=int(a.id),
                user="" if a.completed_by is None else str(a.completed_by),
                was_cancelled=bool(a.was_cancelled),
                result=list(a.result or []),
                author=str(getattr(a, "created_username", None) or ""),
                updated_at=str(getattr(a, "updated_at", None) or ""),
            )
            for a in found
        )
        return tuple(sorted(records, key=lambda record: record.annotation_id))

    def drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]:
        """Everybody's drafts on the task, which a request of the page does not have: there are its user's alone."""
        found = self._session.read(f"list the drafts of task {task.task_id}", f"/api/tasks/{task.task_id}/drafts")
        entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
        return tuple(
            DraftRecord(str(entry["user"]), list(entry.get("result") or [])) for entry in entries if entry.get("user")
        )

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        """The project's annotated tasks that changed after a time, those that changed first coming first.

        since: as a ChangedTask says it; empty: the one that changed last, alone.
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

    def download(self, address: str, sink: BinaryIO, *, validator: str = "") -> Fetched:
        """Write the media at an address of a task's data into sink; see Downloader.download."""
        return self._downloader.download(address, sink, validator=validator)

    # health

    def version(self) -> str:
        """Label Studio's release, as "1.23.2". Raises LabelStudioUnavailable or LabelStudioRefused."""
        return str(self._session.call("read its version", lambda sdk: sdk.versions.get()).release)

    def whoami(self) -> str:
        """The e-mail address of the token's user. Raises LabelStudioRefused if the token is no good."""
        user: Any = self._session.call("ask who the token's user is", lambda sdk: sdk.users.whoami())
        return str(user.email or user.username)

    def backends(self, project_id: int) -> tuple[BackendRecord, ...]:
        """The ML backends that are connected to a project."""
        found: list[Any] = self._session.call(
            f"list the ML backends of project {project_id}", lambda sdk: sdk.ml.list(project=project_id)
        )
        return tuple(_backend(entry) for entry in found)

    def connect_backend(
        self, project_id: int, url: str, *, title: str, user: str = "", password: str = ""
    ) -> BackendRecord:
        """Connect an ML backend to a project, if it is not yet, and say how Label Studio sees it.

        Label Studio may answer "reserved network address" although it made the connection and only the webhook is
        missing, so what counts is whether the backend is there afterwards.
        Raises LabelStudioRefused with the settings that Label Studio needs if it is not.
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
        """Why Label Studio would not work with an ML backend at this address; empty if it would.

        Tried out on a project that is made for it and removed again. Raises LabelStudioUnavailable, or
        LabelStudioRefused if the token may not make projects.
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
"""What makes Label Studio 1.23.1 and later accept a backend on localhost or in a private network."""


def _changed_query(since: str) -> dict[str, object]:
    """Label Studio's own form of: annotated, changed after then, in the order of change."""
    items = [{"filter": "filter:tasks:total_annotations", "operator": "greater", "type": "Number", "value": 0}]
    if not since:
        return {"filters": {"conjunction": "and", "items": items}, "ordering": ["-tasks:updated_at"]}
    after = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": since}
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
