"""Label Studio's projects: label config, shown model version, ML backends and webhooks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.application.ports.projects import (
    BackendOrder,
    BackendRecord,
    ProjectRecord,
    WebhookOrder,
    WebhookRecord,
)
from backend.domain.errors import LabelStudioRefused

logger = logging.getLogger(__name__)

REMEDY = (
    "start Label Studio with ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false, or narrow its ban with "
    "USE_DEFAULT_BANNED_SUBNETS=false and USER_ADDITIONAL_BANNED_SUBNETS"
)
"""Settings with which Label Studio 1.23.1 and later accepts a backend on localhost or in a private network."""

BANNED = "reserved network address"
"""In Label Studio's answer for an address that those settings refuse."""


@dataclass(frozen=True, slots=True)
class Projects:
    """The ProjectDirectory port on Label Studio's API."""

    session: Session

    # projects

    def project(self, project_id: int) -> ProjectRecord:
        found: Any = self.session.call(f"read project {project_id}", lambda sdk: sdk.projects.get(project_id))
        return ProjectRecord(
            project_id,
            str(found.title or ""),
            str(found.label_config or ""),
            str(found.model_version or ""),
            found.show_collab_predictions is not False,
        )

    def project_titled(self, title: str) -> int | None:
        """The number of the oldest project with this title."""
        return next(iter(self.projects_titled(title)), None)

    def projects_titled(self, title: str) -> list[int]:
        """The numbers of the projects with this title, ascending."""
        listed: Any = self.session.call("list the projects", lambda sdk: list(sdk.projects.list(title=title)))
        return sorted(int(project.id) for project in listed if project.title == title)

    def data_fields(self, project_id: int) -> frozenset[str]:
        """The fields that the data of every task has; none without tasks."""
        body = self.session.read(
            f"read the data fields of project {project_id}", f"/api/projects/{project_id}/summary/"
        )
        common = body.get("common_data_columns") if isinstance(body, dict) else None
        return frozenset(str(name) for name in common or ())

    def create_project(self, title: str, label_config: str) -> int:
        made: Any = self.session.call(
            "make a project", lambda sdk: sdk.projects.create(title=title, label_config=label_config)
        )
        return int(made.id)

    def delete_project(self, project_id: int) -> None:
        self.session.call(f"delete project {project_id}", lambda sdk: sdk.projects.delete(project_id))

    def require_valid_config(self, project_id: int, label_config: str) -> None:
        """Raises LabelStudioRefused with Label Studio's sentence if it would refuse the config; changes nothing."""
        what = f"check a label config of project {project_id}"
        self.session.post(what, f"/api/projects/{project_id}/validate/", {"label_config": label_config})

    def write_config(self, project_id: int, label_config: str) -> None:
        self.session.call(
            f"write the label config of project {project_id}",
            lambda sdk: sdk.projects.update(project_id, label_config=label_config),
        )

    def show_version(self, project_id: int, model_version: str) -> None:
        self.session.call(
            f"choose the predictions of project {project_id}",
            lambda sdk: sdk.projects.update(project_id, model_version=model_version),
        )

    def set_people(self, project_id: int, people: int) -> None:
        """How many people annotate each task of a project."""
        self.session.call(
            f"set how many people annotate the tasks of project {project_id}",
            lambda sdk: sdk.projects.update(project_id, maximum_annotations=people),
        )

    # backends

    def backends(self, project_id: int) -> tuple[BackendRecord, ...]:
        """The ML backends of a project. Label Studio tries to reach each of them first."""
        found: list[Any] = self.session.call(
            f"list the ML backends of project {project_id}", lambda sdk: sdk.ml.list(project=project_id)
        )
        return tuple(_backend(entry) for entry in found)

    def connect_backend(self, project_id: int, order: BackendOrder) -> BackendRecord:
        """Connects an ML backend to a project, unless it is connected; returns Label Studio's record of it.

        Label Studio may answer "reserved network address" although it made the connection and refused only the
        webhook: the backend's record afterwards decides.
        Raises LabelStudioRefused with the settings that Label Studio needs if there is no record.
        """
        known = self._backend_at(project_id, order.url)
        if known is not None:
            return known
        try:
            self.session.call(
                f"connect the backend at {order.url} to project {project_id}",
                lambda sdk: sdk.ml.create(**_body(project_id, order)),
            )
        except LabelStudioRefused as error:
            made = self._backend_at(project_id, order.url)
            if made is None:
                raise _with_remedy(error) from error
            logger.warning("project %d: the backend is connected, but its webhook was refused: %s", project_id, error)
            return made
        made = self._backend_at(project_id, order.url)
        if made is None:
            raise LabelStudioRefused(f"Label Studio did not keep the backend at {order.url}")
        return made

    def change_backend(self, project_id: int, backend_id: int, order: BackendOrder) -> None:
        """Raises LabelStudioRefused, with the settings that Label Studio needs for a private address."""
        try:
            self.session.call(
                f"change the backend of project {project_id} to {order.url}",
                lambda sdk: sdk.ml.update(backend_id, **_body(project_id, order)),
            )
        except LabelStudioRefused as error:
            raise _with_remedy(error) from error

    def _backend_at(self, project_id: int, url: str) -> BackendRecord | None:
        wanted = url.rstrip("/")
        return next((b for b in self.backends(project_id) if b.url.rstrip("/") == wanted), None)

    # webhooks

    def webhooks(self, project_id: int) -> tuple[WebhookRecord, ...]:
        listed: list[Any] = self.session.call(
            f"list the webhooks of project {project_id}", lambda sdk: sdk.webhooks.list(project=str(project_id))
        )
        return tuple(_webhook(entry) for entry in listed)

    def add_webhook(self, project_id: int, order: WebhookOrder) -> None:
        """Raises LabelStudioRefused, with the settings that Label Studio needs for a private address."""
        self._send_webhook(lambda sdk: sdk.webhooks.create(project=project_id, **_webhook_body(order)))

    def change_webhook(self, webhook_id: int, order: WebhookOrder) -> None:
        """Raises LabelStudioRefused, with the settings that Label Studio needs for a private address."""
        self._send_webhook(lambda sdk: sdk.webhooks.update(webhook_id, **_webhook_body(order)))

    def _send_webhook(self, ask: Any) -> None:  # noqa: ANN401 - a call of the SDK
        try:
            self.session.call("set the webhook", ask)
        except LabelStudioRefused as error:
            raise _with_remedy(error) from error


def _with_remedy(error: LabelStudioRefused) -> LabelStudioRefused:
    """The refusal with the settings that Label Studio needs, if it refused a private address."""
    return LabelStudioRefused(f"{error}; {REMEDY}") if BANNED in str(error) else error


def _body(project_id: int, order: BackendOrder) -> dict[str, object]:
    basic = {"auth_method": "BASIC_AUTH", "basic_auth_user": order.user, "basic_auth_pass": order.password}
    return {
        "project": project_id,
        "url": order.url,
        "title": order.title,
        "is_interactive": True,
        **(basic if order.user else {}),
    }


def _webhook_body(order: WebhookOrder) -> dict[str, object]:
    return {
        "url": order.url,
        "actions": list(order.actions),
        "headers": dict(order.headers),
        "is_active": True,
        "send_payload": True,
        "send_for_all_actions": False,
    }


def _backend(entry: Any) -> BackendRecord:  # noqa: ANN401  (the SDK has no types that mypy follows)
    return BackendRecord(
        backend_id=int(entry.id),
        url=str(entry.url),
        title=str(entry.title or ""),
        is_connected=entry.state == "CO",
        is_interactive=bool(entry.is_interactive),
        problem=str(entry.error_message or "")[:500],
        model_version=str(entry.model_version or ""),
        user=str(entry.basic_auth_user or ""),
    )


def _webhook(entry: Any) -> WebhookRecord:  # noqa: ANN401  (the SDK has no types that mypy follows)
    is_for_all = entry.send_for_all_actions is not False
    return WebhookRecord(
        webhook_id=int(entry.id),
        url=str(entry.url),
        is_active=entry.is_active is not False,
        has_payload=entry.send_payload is not False,
        actions=frozenset() if is_for_all else frozenset(str(action) for action in entry.actions or ()),
        headers=dict(entry.headers or {}),
    )
