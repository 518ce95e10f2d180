"""Connecting a project of Label Studio to Masklet, and making a connected one.

The order of the changes lets a refusal come before the first of them: Label Studio checks the label config without
writing it, and the backend's address when it connects it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from backend.application.ports.data_table import DataTable
from backend.application.ports.projects import ProjectDirectory, ProjectRecord
from backend.application.projects.plan import (
    BackendChange,
    ConfigChoice,
    ConnectionSettings,
    ConnectPlan,
    WebhookChange,
    address_notes,
    backend_change,
    backend_url_for,
    own_backend,
    version_to_show,
    webhook_change,
)
from backend.application.projects.table_columns import apply_change, new_columns_hidden, planned_change
from backend.domain.errors import InvalidInput, LabelStudioRefused, MaskletError, NotFound

EMPTY_CONFIG = "<View></View>"
"""The label config of a new project of Label Studio."""


class ConfigWriter(Protocol):
    """Writes label configs (adapters/labelstudio)."""

    def __call__(
        self, label_config: str, choice: ConfigChoice, *, public_url: str, project_id: int, data_fields: Iterable[str]
    ) -> str:
        """The label config of a choice that keeps what is there. Raises LabelConfigError."""
        ...


@dataclass(frozen=True, slots=True)
class Connector:
    """Connects projects of one Label Studio to one Masklet."""

    projects: ProjectDirectory
    table: DataTable
    config_for: ConfigWriter
    settings: ConnectionSettings

    def plan(self, project_id: int, choice: ConfigChoice) -> ConnectPlan:
        """The changes; changes nothing.

        Raises NotFound for an unknown project, LabelConfigError for a config that the choice does not fit,
        LabelStudioRefused with Label Studio's sentence if it would refuse the new config.
        """
        project = self._project(project_id)
        label_config = self._label_config(project, choice)
        backends = self.projects.backends(project_id)
        found = own_backend(backends, self.settings.backend_url)
        url = backend_url_for(found, self.settings)
        notes = [self.settings.note] if self.settings.note else []
        notes += address_notes(self.settings) if choice is ConfigChoice.PLAYER else []
        webhook = webhook_change(
            self.projects.webhooks(project_id), url, url if found is None else found.url, self.settings
        )
        if webhook is not None and self.settings.password and not self.settings.webhook_secret:
            webhook = None
            notes.append(
                "no webhook is set, because Masklet has a password and webhooks carry none: set MASKLET_WEBHOOK_SECRET "
                "and connect again. Until then Masklet polls for submitted annotations"
            )
        notes += [f"the project also has the ML backend {b.title!r} at {b.url}" for b in backends if b is not found]
        return ConnectPlan(
            project,
            None if label_config == project.label_config else label_config,
            backend_change(found, url, self.settings),
            webhook,
            version_to_show(project, found, self.settings.model_version),
            planned_change(self.table, project_id),
            tuple(notes),
        )

    def apply(self, plan: ConnectPlan) -> tuple[str, ...]:
        """Carries out a plan; returns notes on what was not possible but is not needed.

        Raises LabelStudioRefused, with nothing changed, if Label Studio does not accept the backend's address.
        """
        project_id = plan.project.project_id
        if plan.backend is not None:
            self._set_backend(project_id, plan.backend)
        if plan.table is not None:
            apply_change(self.table, project_id, plan.table)
        if plan.label_config is not None:
            with new_columns_hidden(self.table, project_id):
                self.projects.write_config(project_id, plan.label_config)
        self._show_version(plan)
        return () if plan.webhook is None else self._set_webhook(project_id, plan.webhook)

    def create(self, title: str, choice: ConfigChoice) -> tuple[ConnectPlan, tuple[str, ...]]:
        """Makes a connected project; returns what was done and the notes. Leaves no project behind if that fails.

        Raises InvalidInput if a project has that title.
        """
        existing = self.projects.project_titled(title)
        if existing is not None:
            raise InvalidInput(
                f"project {existing} has the title {title!r}: connect it with masklet connect {existing}, or choose "
                "another title"
            )
        project_id = self.projects.create_project(title, EMPTY_CONFIG)
        try:
            plan = self.plan(project_id, choice)
            return plan, self.apply(plan)
        except BaseException:
            with suppress(MaskletError):
                self.projects.delete_project(project_id)
            raise

    def _project(self, project_id: int) -> ProjectRecord:
        try:
            return self.projects.project(project_id)
        except NotFound as error:
            raise NotFound(
                f"Label Studio at {self.settings.label_studio_url} shows no project {project_id} to the token's user; "
                "a project's number is in its address: /projects/NUMBER"
            ) from error

    def _label_config(self, project: ProjectRecord, choice: ConfigChoice) -> str:
        """The new label config, which Label Studio accepts."""
        label_config = self.config_for(
            project.label_config,
            choice,
            public_url=self.settings.public_url,
            project_id=project.project_id,
            data_fields=self.projects.data_fields(project.project_id),
        )
        if label_config != project.label_config:
            try:
                self.projects.require_valid_config(project.project_id, label_config)
            except LabelStudioRefused as error:
                raise LabelStudioRefused(
                    f"nothing was changed, because Label Studio refuses the new label config: {error}. "
                    "`--config keep` connects the project with the label config that it has"
                ) from error
        return label_config

    def _set_backend(self, project_id: int, change: BackendChange) -> None:
        try:
            if change.backend_id is None:
                self.projects.connect_backend(project_id, change.order)
            else:
                self.projects.change_backend(project_id, change.backend_id, change.order)
        except LabelStudioRefused as error:
            raise LabelStudioRefused(
                f"nothing was changed, because Label Studio does not take Masklet at {change.order.url}: {error}. "
                "`--url` says another address of Masklet for Label Studio's server"
            ) from error

    def _show_version(self, plan: ConnectPlan) -> None:
        """Label Studio may have chosen the version by itself when the backend got its title."""
        project_id, version = plan.project.project_id, plan.model_version
        if version is not None and self.projects.project(project_id).model_version != version:
            self.projects.show_version(project_id, version)

    def _set_webhook(self, project_id: int, change: WebhookChange) -> tuple[str, ...]:
        """Label Studio may have added the webhook by itself when it connected the backend."""
        known = {webhook.url: webhook.webhook_id for webhook in self.projects.webhooks(project_id)}
        webhook_id = known.get(change.order.url, change.webhook_id)
        try:
            if webhook_id is None:
                self.projects.add_webhook(project_id, change.order)
            else:
                self.projects.change_webhook(webhook_id, change.order)
        except LabelStudioRefused as error:
            return (f"Masklet polls for submitted annotations, because the webhook was refused: {error}",)
        return ()
