"""Label Studio's projects with their label config, ML backends and webhooks, as values and a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project. model_version: whose predictions the task page shows; empty: none is chosen.

    shows_predictions: whether the task page shows predictions at all.
    """

    project_id: int
    title: str
    label_config: str
    model_version: str = ""
    shows_predictions: bool = True


@dataclass(frozen=True, slots=True)
class BackendRecord:
    """An ML backend of a project. is_connected: Label Studio's last attempt reached it.

    model_version: as the backend told Label Studio. user: of its password; empty without one.
    """

    backend_id: int
    url: str
    title: str
    is_connected: bool
    is_interactive: bool
    problem: str
    model_version: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class BackendOrder:
    """An ML backend as it shall be. user, password: empty for none."""

    url: str
    title: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook of a project. actions: empty if it is sent for all actions."""

    webhook_id: int
    url: str
    is_active: bool
    has_payload: bool
    actions: frozenset[str]
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookOrder:
    """A webhook as it shall be: active, with the payload, for these actions and no other."""

    url: str
    actions: tuple[str, ...]
    headers: Mapping[str, str] = field(repr=False)


class ProjectDirectory(Protocol):
    """Label Studio's projects. Every call raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def project(self, project_id: int) -> ProjectRecord: ...

    def project_titled(self, title: str) -> int | None:
        """The number of the oldest project with this title."""
        ...

    def data_fields(self, project_id: int) -> frozenset[str]:
        """The fields that the data of every task has; none without tasks."""
        ...

    def create_project(self, title: str, label_config: str) -> int: ...

    def delete_project(self, project_id: int) -> None: ...

    def require_valid_config(self, project_id: int, label_config: str) -> None:
        """Raises LabelStudioRefused with Label Studio's sentence if it would refuse the config; changes nothing."""
        ...

    def write_config(self, project_id: int, label_config: str) -> None: ...

    def show_version(self, project_id: int, model_version: str) -> None:
        """Chooses whose predictions the task page shows: the title of a backend, or a version with predictions."""
        ...

    def backends(self, project_id: int) -> tuple[BackendRecord, ...]: ...

    def connect_backend(self, project_id: int, order: BackendOrder) -> BackendRecord:
        """Connects an interactive ML backend that the project lacks. Raises LabelStudioRefused with the settings that
        Label Studio needs."""
        ...

    def change_backend(self, project_id: int, backend_id: int, order: BackendOrder) -> None: ...

    def webhooks(self, project_id: int) -> tuple[WebhookRecord, ...]: ...

    def add_webhook(self, project_id: int, order: WebhookOrder) -> None: ...

    def change_webhook(self, webhook_id: int, order: WebhookOrder) -> None: ...
