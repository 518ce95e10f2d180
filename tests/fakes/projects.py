"""Projects in memory. Like Label Studio they choose a backend's title as the shown version and add its webhook."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from backend.application.ports.data_table import Column, HiddenColumns, TableTab
from backend.application.ports.projects import (
    BackendOrder,
    BackendRecord,
    ProjectRecord,
    WebhookOrder,
    WebhookRecord,
)
from backend.domain.errors import LabelStudioRefused, NotFound


@dataclass
class MemoryProjects:
    """A ProjectDirectory. refused: what Label Studio says about every config, backend or webhook; empty: accepts it.

    told_version: the model version that a connected backend tells. calls: the changes, by name.
    """

    known: dict[int, ProjectRecord] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    refused_config: str = ""
    refused_backend: str = ""
    refused_webhook: str = ""
    told_version: str = "masklet-demo-1"
    backends_of: dict[int, list[BackendRecord]] = field(default_factory=dict)
    webhooks_of: dict[int, list[WebhookRecord]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def project(self, project_id: int) -> ProjectRecord:
        if project_id not in self.known:
            raise NotFound("Label Studio has nothing there")
        return self.known[project_id]

    def project_titled(self, title: str) -> int | None:
        return next((number for number, project in self.known.items() if project.title == title), None)

    def data_fields(self, project_id: int) -> frozenset[str]:
        return self.fields

    def create_project(self, title: str, label_config: str) -> int:
        self.calls.append("create_project")
        number = max(self.known, default=0) + 1
        self.known[number] = ProjectRecord(number, title, label_config)
        return number

    def delete_project(self, project_id: int) -> None:
        self.calls.append("delete_project")
        del self.known[project_id]

    def require_valid_config(self, project_id: int, label_config: str) -> None:
        if self.refused_config:
            raise LabelStudioRefused(self.refused_config)

    def write_config(self, project_id: int, label_config: str) -> None:
        self.calls.append("write_config")
        self.known[project_id] = replace(self.known[project_id], label_config=label_config)

    def show_version(self, project_id: int, model_version: str) -> None:
        self.calls.append("show_version")
        self.known[project_id] = replace(self.known[project_id], model_version=model_version)

    def backends(self, project_id: int) -> tuple[BackendRecord, ...]:
        return tuple(self.backends_of.get(project_id, ()))

    def connect_backend(self, project_id: int, order: BackendOrder) -> BackendRecord:
        if self.refused_backend:
            raise LabelStudioRefused(self.refused_backend)
        self.calls.append("connect_backend")
        made = BackendRecord(9, order.url, order.title, True, True, "", self.told_version, order.user)
        self.backends_of.setdefault(project_id, []).append(made)
        number = 5 + 10 * len(self.webhooks_of)
        self.webhooks_of.setdefault(project_id, []).append(
            WebhookRecord(number, f"{order.url}/webhook", True, True, frozenset(), {})
        )
        if not self.known[project_id].model_version:
            self.known[project_id] = replace(self.known[project_id], model_version=order.title)
        return made

    def change_backend(self, project_id: int, backend_id: int, order: BackendOrder) -> None:
        self.calls.append("change_backend")
        listed = self.backends_of[project_id]
        place, before = next((i, b) for i, b in enumerate(listed) if b.backend_id == backend_id)
        listed[place] = BackendRecord(backend_id, order.url, order.title, True, True, "", self.told_version, order.user)
        if self.known[project_id].model_version == before.title:
            self.known[project_id] = replace(self.known[project_id], model_version=order.title)

    def webhooks(self, project_id: int) -> tuple[WebhookRecord, ...]:
        return tuple(self.webhooks_of.get(project_id, ()))

    def add_webhook(self, project_id: int, order: WebhookOrder) -> None:
        self._set_webhook(project_id, 6, order)

    def change_webhook(self, webhook_id: int, order: WebhookOrder) -> None:
        for project_id, listed in self.webhooks_of.items():
            if any(webhook.webhook_id == webhook_id for webhook in listed):
                self.webhooks_of[project_id] = [w for w in listed if w.webhook_id != webhook_id]
                self._set_webhook(project_id, webhook_id, order)
                return

    def _set_webhook(self, project_id: int, webhook_id: int, order: WebhookOrder) -> None:
        if self.refused_webhook:
            raise LabelStudioRefused(self.refused_webhook)
        self.calls.append("set_webhook")
        record = WebhookRecord(webhook_id, order.url, True, True, frozenset(order.actions), order.headers)
        self.webhooks_of.setdefault(project_id, []).append(record)


@dataclass
class MemoryTable:
    """A DataTable. columns_of, tabs: by project. addresses: the fields with addresses of every project."""

    columns_of: dict[int, list[Column]] = field(default_factory=dict)
    addresses: frozenset[str] = frozenset()
    tabs: dict[int, TableTab] = field(default_factory=dict)

    def columns(self, project_id: int) -> tuple[Column, ...]:
        return tuple(self.columns_of.get(project_id, ()))

    def address_fields(self, project_id: int) -> frozenset[str]:
        return self.addresses

    def first_tab(self, project_id: int) -> TableTab | None:
        return self.tabs.get(project_id)

    def make_tab(self, project_id: int, hidden: HiddenColumns) -> None:
        assert project_id not in self.tabs
        self.tabs[project_id] = TableTab(1, "Default", hidden)

    def hide(self, project_id: int, tab_id: int, more: HiddenColumns) -> None:
        tab = self.tabs[project_id]
        assert tab.tab_id == tab_id
        before = tab.hidden or HiddenColumns()
        in_table = dict.fromkeys((*before.in_table, *more.in_table))
        beside_task = dict.fromkeys((*before.beside_task, *more.beside_task))
        self.tabs[project_id] = replace(tab, hidden=HiddenColumns(tuple(in_table), tuple(beside_task)))
