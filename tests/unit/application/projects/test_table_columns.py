"""The columns of Label Studio's table: what is hidden, and that nothing else of a tab changes."""

from __future__ import annotations

import pytest

from backend.application.ports.data_table import Column, HiddenColumns, TableTab
from backend.application.projects.table_columns import apply_change, new_columns_hidden, planned_change
from backend.domain.errors import LabelStudioUnavailable
from tests.fakes.projects import MemoryTable

ID = Column("tasks:id", "Number", "", in_table=True, beside_task=False)
SCORE = Column("tasks:predictions_score", "Number", "", in_table=False, beside_task=False)
RESULTS = Column("tasks:predictions_results", "String", "", in_table=False, beside_task=False)


def column(field: str, kind: str = "Unknown") -> Column:
    return Column(f"tasks:data.{field}", kind, field, in_table=True, beside_task=kind != "Unknown")


IMPORTED = [column("video", "Video"), *(column(name) for name in ("clip", "fps", "masklet", "treatment"))]
PLAIN = [ID, SCORE, RESULTS]


def table(*columns: Column, tab: TableTab | None = None, addresses: tuple[str, ...] = ("video",)) -> MemoryTable:
    return MemoryTable({7: list(columns)}, frozenset(addresses), {} if tab is None else {7: tab})


def hidden_by_default() -> HiddenColumns:
    return HiddenColumns((SCORE.name, RESULTS.name), (ID.name, SCORE.name, RESULTS.name, "tasks:data.clip"))


def test_a_project_without_a_tab_gets_one_with_readable_columns() -> None:
    made = table(*IMPORTED, *PLAIN)
    change = planned_change(made, 7)
    assert change is not None
    assert change.sentence == "the first tab hides video, fps, masklet"
    assert made.tabs == {}
    apply_change(made, 7, change)
    hidden = made.tabs[7].hidden
    assert hidden is not None
    assert set(hidden.in_table) == {RESULTS.name, "tasks:data.video", "tasks:data.fps", "tasks:data.masklet"}
    shown_beside = {c.name for c in made.columns(7)} - set(hidden.beside_task)
    assert shown_beside == {"tasks:data.clip"}
    assert planned_change(made, 7) is None


def test_a_tab_hides_more_and_what_it_hides_stays_hidden_in_its_order() -> None:
    before = HiddenColumns((RESULTS.name, "tasks:data.clip", "tasks:data.masklet"), ("tasks:data.masklet",))
    mine = table(*IMPORTED, *PLAIN, tab=TableTab(4, "To review", before))
    change = planned_change(mine, 7)
    assert change is not None
    assert change.sentence == "the tab 'To review' hides video, fps"
    apply_change(mine, 7, change)
    hidden = mine.tabs[7].hidden
    assert hidden is not None
    assert hidden.in_table == (*before.in_table, "tasks:data.fps", "tasks:data.video")
    assert hidden.beside_task == (*before.beside_task, "tasks:data.fps", "tasks:data.video")
    assert planned_change(mine, 7) is None


def test_a_tab_that_was_never_set_keeps_hiding_what_label_studio_hides() -> None:
    fresh = table(*IMPORTED, *PLAIN, tab=TableTab(4, "Default", None))
    change = planned_change(fresh, 7)
    assert change is not None
    assert {SCORE.name, RESULTS.name} <= set(change.more.in_table)
    assert {ID.name, "tasks:data.fps"} <= set(change.more.beside_task)


def test_pictures_and_addresses_for_people_stay() -> None:
    columns = [column("image", "Image"), column("video_task"), column("masklet")]
    tab = TableTab(4, "Default", HiddenColumns())
    corrections = table(*columns, tab=tab, addresses=("image", "video_task"))
    change = planned_change(corrections, 7)
    assert change is not None
    assert change.more == HiddenColumns(("tasks:data.masklet",), ("tasks:data.masklet",))


def test_an_import_hides_its_new_columns_and_leaves_older_ones_that_a_person_shows() -> None:
    shown = table(column("masklet"), *PLAIN, tab=TableTab(4, "Default", hidden_by_default()))
    with new_columns_hidden(shown, 7):
        shown.columns_of[7] += [column("video", "Video"), column("clip")]
    hidden = shown.tabs[7].hidden
    assert hidden is not None
    assert set(hidden.in_table) - set(hidden_by_default().in_table) == {"tasks:data.video"}
    with new_columns_hidden(shown, 7):
        pass
    assert shown.tabs[7].hidden == hidden


def test_an_import_that_is_interrupted_hides_what_it_made() -> None:
    made = table(*PLAIN)

    def interrupted() -> None:
        with new_columns_hidden(made, 7):
            made.columns_of[7] += IMPORTED
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    hidden = made.tabs[7].hidden
    assert hidden is not None
    assert "tasks:data.masklet" in hidden.in_table


def test_the_column_of_a_video_is_hidden_before_there_is_a_task_and_by_an_import_that_makes_the_tab() -> None:
    empty = table(column("video", "Video"), *PLAIN, addresses=())
    change = planned_change(empty, 7)
    assert change is not None
    assert change.sentence == "the first tab hides video"
    with new_columns_hidden(empty, 7):
        empty.columns_of[7] += [column("clip"), column("masklet")]
    hidden = empty.tabs[7].hidden
    assert hidden is not None
    assert {"tasks:data.video", "tasks:data.masklet"} <= set(hidden.in_table)
    assert "tasks:data.clip" not in hidden.in_table


class _Down(MemoryTable):
    def columns(self, project_id: int) -> tuple[Column, ...]:
        raise LabelStudioUnavailable("it does not answer")


def test_an_import_does_not_fail_for_the_table(caplog: pytest.LogCaptureFixture) -> None:
    with new_columns_hidden(_Down(), 7):
        pass
    assert "masklet connect 7 --config keep` hides them" in caplog.text
