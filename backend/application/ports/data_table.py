"""The table of a project's tasks in Label Studio: its columns, and the first tab with the columns that it hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Column:
    """A column. name: as tabs store it, such as "tasks:data.clip". kind: Label Studio's, such as "Image".

    field: the field of the tasks' data; empty for Label Studio's own columns. in_table, beside_task: whether a new tab
    shows it in the table, and in the list beside an open task.
    """

    name: str
    kind: str
    field: str
    in_table: bool
    beside_task: bool


@dataclass(frozen=True, slots=True)
class HiddenColumns:
    """The names of the columns that a tab hides, in Label Studio's order: in the table, and beside an open task."""

    in_table: tuple[str, ...] = ()
    beside_task: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableTab:
    """A tab of the table. hidden: None if it hides the columns that a new tab hides."""

    tab_id: int
    title: str
    hidden: HiddenColumns | None


class DataTable(Protocol):
    """Label Studio's table of tasks. Every call raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def columns(self, project_id: int) -> tuple[Column, ...]: ...

    def address_fields(self, project_id: int) -> frozenset[str]:
        """The fields of the newest task's data whose values are addresses or lists of them; none without tasks."""
        ...

    def first_tab(self, project_id: int) -> TableTab | None:
        """The leftmost tab. None: Label Studio makes one when a person opens the table."""
        ...

    def make_tab(self, project_id: int, hidden: HiddenColumns) -> None:
        """Makes the first tab."""
        ...

    def hide(self, project_id: int, tab_id: int, more: HiddenColumns) -> None:
        """Hides more columns in a tab; all else of it stays."""
        ...
