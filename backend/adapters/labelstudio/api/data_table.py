"""The DataTable port on Label Studio's API, which calls a tab a view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.stored_tasks import newest_task
from backend.application.ports.data_table import Column, HiddenColumns, TableTab
from backend.domain.errors import LabelStudioUnavailable, NotFound

TITLE = "Default"
"""The title that Label Studio gives to the tab that it makes."""

SCHEMES = ("http://", "https://", "s3://", "gs://", "azure-blob://", "/data/")
"""The beginnings of the addresses that Label Studio fetches."""

KEPT_APART = ("filters", "ordering", "selectedItems")
"""What Label Studio adds to a view's data when it is read; a change without them leaves them as they are."""


@dataclass(frozen=True, slots=True)
class DataTables:
    """The tables of all projects."""

    session: Session

    def columns(self, project_id: int) -> tuple[Column, ...]:
        body = self.session.read(f"list the columns of project {project_id}", f"/api/dm/columns/?project={project_id}")
        listed = body.get("columns") if isinstance(body, dict) else None
        if not isinstance(listed, list):
            raise LabelStudioUnavailable(f"Label Studio lists no columns of project {project_id}")
        return tuple(_column(entry) for entry in listed if isinstance(entry, dict) and "children" not in entry)

    def address_fields(self, project_id: int) -> frozenset[str]:
        newest = self.session.call(f"read a task of project {project_id}", lambda sdk: newest_task(sdk, project_id))
        return frozenset(name for name, value in (newest.data if newest else {}).items() if _has_addresses(value))

    def first_tab(self, project_id: int) -> TableTab | None:
        view = next(iter(self._views(project_id)), None)
        return None if view is None else _tab(view)

    def make_tab(self, project_id: int, hidden: HiddenColumns) -> None:
        data = {"title": TITLE, "type": "list", "target": "tasks", "hiddenColumns": _written(hidden)}
        self.session.call(
            f"make the first tab of project {project_id}", lambda sdk: sdk.views.create(project=project_id, data=data)
        )

    def hide(self, project_id: int, tab_id: int, more: HiddenColumns) -> None:
        view = next((view for view in self._views(project_id) if view["id"] == tab_id), None)
        if view is None:
            raise NotFound(f"Label Studio has no tab {tab_id} in project {project_id} any more")
        kept = {name: value for name, value in _data_of(view).items() if name not in KEPT_APART}
        before = _hidden(kept) or HiddenColumns()
        joined = HiddenColumns(
            tuple(dict.fromkeys((*before.in_table, *more.in_table))),
            tuple(dict.fromkeys((*before.beside_task, *more.beside_task))),
        )
        data = {**kept, "hiddenColumns": _written(joined)}
        self.session.call(
            f"hide columns in tab {tab_id} of project {project_id}",
            lambda sdk: sdk.views.update(str(tab_id), project=project_id, data=data),
        )

    def _views(self, project_id: int) -> list[dict[str, Any]]:
        """The views in the order of the tabs. The SDK's own call drops parts of their data."""
        body = self.session.read(f"list the tabs of project {project_id}", f"/api/dm/views/?project={project_id}")
        views = [view for view in body if isinstance(view, dict)] if isinstance(body, list) else []
        return sorted(views, key=lambda view: (view.get("order") or 0, view["id"]))


def _column(entry: Mapping[str, Any]) -> Column:
    field = str(entry["id"]) if entry.get("parent") == "data" else ""
    shown = entry.get("visibility_defaults") or {}
    return Column(
        f"{entry.get('target') or 'tasks'}:{'data.' if field else ''}{entry['id']}",
        str(entry.get("type") or ""),
        field,
        shown.get("explore", True) is not False,
        shown.get("labeling", True) is not False,
    )


def _tab(view: Mapping[str, Any]) -> TableTab:
    data = _data_of(view)
    return TableTab(int(view["id"]), str(data.get("title") or TITLE), _hidden(data))


def _hidden(data: Mapping[str, Any]) -> HiddenColumns | None:
    hidden = data.get("hiddenColumns")
    if not isinstance(hidden, dict):
        return None
    return HiddenColumns(tuple(hidden.get("explore") or ()), tuple(hidden.get("labeling") or ()))


def _data_of(view: Mapping[str, Any]) -> Mapping[str, Any]:
    data = view.get("data")
    return data if isinstance(data, dict) else {}


def _written(hidden: HiddenColumns) -> dict[str, list[str]]:
    return {"explore": list(hidden.in_table), "labeling": list(hidden.beside_task)}


def _has_addresses(value: object) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, str) and first.startswith(SCHEMES)
