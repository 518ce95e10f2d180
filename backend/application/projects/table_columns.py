"""Which columns of Label Studio's table of tasks are hidden: those with keys, addresses and lists of pages.

Only columns that are not for people are hidden, in the first tab. What a tab hides stays hidden, and its order, filters
and widths stay. A project without a tab gets one that also shows the prediction's score, and the clip's name beside an
open task.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backend.application.ports.data_table import Column, DataTable, HiddenColumns, TableTab
from backend.domain.errors import MaskletError

logger = logging.getLogger(__name__)

TECHNICAL_FIELDS = ("masklet", "fps", "prompts", "crowd_step")
"""Fields of the tasks' data that Masklet writes or reads and nobody looks at."""

READABLE_FIELDS = ("video_task",)
"""Fields with an address that a person opens."""

CLIP = "tasks:data.clip"
SCORE = "tasks:predictions_score"
PICTURE = "Image"
"""The kind of the columns in which Label Studio shows an address as a picture."""

VIDEO = "Video"
"""The kind of the columns with a video's address. Label Studio has them before there is a task."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """The columns that a tab hides from now on, beside those that it hides. tab_id: None makes the first tab."""

    tab_id: int | None
    more: HiddenColumns
    sentence: str


def planned_change(table: DataTable, project_id: int) -> TableChange | None:
    """What would make a project's table readable; None if it is. Changes nothing."""
    columns = table.columns(project_id)
    technical = _technical(columns, table.address_fields(project_id))
    return table_change(table.first_tab(project_id), columns, technical)


@contextmanager
def new_columns_hidden(table: DataTable, project_id: int) -> Iterator[None]:
    """Hides the technical columns that tasks or a label config bring meanwhile: an older one that is shown stays shown.

    Nothing fails for it: the log has a warning.
    """
    known: frozenset[str] | None = None
    try:
        with _warned(project_id):
            known = frozenset(column.name for column in table.columns(project_id))
        yield
    finally:
        with _warned(project_id):
            if known is not None:
                _hide_new(table, project_id, known)


@contextmanager
def _warned(project_id: int) -> Iterator[None]:
    try:
        yield
    except MaskletError as error:
        remedy = f"`masklet connect {project_id} --config keep` hides them"
        logger.warning("the table of tasks may show columns that are not for people: %s; %s", error, remedy)


def _hide_new(table: DataTable, project_id: int, known: Collection[str]) -> None:
    columns = table.columns(project_id)
    if all(column.name in known for column in columns):
        return
    tab = table.first_tab(project_id)
    technical = _technical(columns, table.address_fields(project_id))
    if tab is not None:
        technical = [column for column in technical if column.name not in known]
    change = table_change(tab, columns, technical) if technical else None
    if change is not None:
        apply_change(table, project_id, change)


def apply_change(table: DataTable, project_id: int, change: TableChange) -> None:
    if change.tab_id is None:
        table.make_tab(project_id, change.more)
    else:
        table.hide(project_id, change.tab_id, change.more)


def table_change(tab: TableTab | None, columns: Sequence[Column], technical: Sequence[Column]) -> TableChange | None:
    """The change that hides the technical columns in a tab; None if it hides them."""
    names = {column.name for column in technical}
    if tab is None:
        return TableChange(None, _of_new_tab(columns, names), _sentence(technical, "the first tab"))
    before = tab.hidden or _hidden_by_label_studio(columns)
    hidden = HiddenColumns(_joined(before.in_table, names), _joined(before.beside_task, names))
    if hidden == before:
        return None
    shown = [c for c in technical if c.name not in before.in_table or c.name not in before.beside_task]
    return TableChange(tab.tab_id, hidden, _sentence(shown, f"the tab {tab.title!r}"))


def _technical(columns: Iterable[Column], address_fields: Collection[str]) -> list[Column]:
    return [
        column
        for column in columns
        if column.field in TECHNICAL_FIELDS
        or column.kind == VIDEO
        or (column.field in address_fields and column.field not in READABLE_FIELDS and column.kind != PICTURE)
    ]


def _of_new_tab(columns: Sequence[Column], technical: Collection[str]) -> HiddenColumns:
    hidden = _hidden_by_label_studio(columns)
    in_table = tuple(name for name in hidden.in_table if name != SCORE)
    beside_task = tuple(name for name in hidden.beside_task if name != CLIP)
    return HiddenColumns(_joined(in_table, technical), _joined(beside_task, technical))


def _hidden_by_label_studio(columns: Sequence[Column]) -> HiddenColumns:
    return HiddenColumns(
        tuple(column.name for column in columns if not column.in_table),
        tuple(column.name for column in columns if not column.beside_task),
    )


def _joined(hidden: Sequence[str], more: Collection[str]) -> tuple[str, ...]:
    return (*hidden, *sorted(set(more) - set(hidden)))


def _sentence(technical: Sequence[Column], where: str) -> str:
    named = ", ".join(column.field for column in technical)
    return f"{where} hides {named}" if named else f"{where} shows the score of predictions"
