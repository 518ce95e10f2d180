"""The most uncertain page in the data of a task: as the page counts, and as text that sorts."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from backend.application.jobs.table_values import table_values
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.uncertainty.scoring import fixed_width
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on


def finished() -> Parts:
    parts = Parts()
    parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=5)
    return parts


def stored_run(parts: Parts) -> MaskRun:
    found = parts.service.latest_run(TASK, USER_TASK.model_version)
    assert found is not None
    assert found.run is not None
    return found.run


def with_uncertainties(run: MaskRun, *uncertainties: float) -> MaskRun:
    """The run with these uncertainties of its first object's first frames, and 0 elsewhere."""
    given = dict(enumerate(uncertainties))

    def changed(frame: MaskletFrame) -> MaskletFrame:
        return replace(frame, uncertainty=given.get(int(frame.frame_index), 0.0))

    first = run.masklets[0]
    return replace(run, masklets=(Masklet(first.object_id, first.label, tuple(map(changed, first.frames))),))


def test_the_worst_page_counts_from_one_and_the_first_of_equals_counts() -> None:
    run = with_uncertainties(stored_run(finished()), 0.1, 0.03125, 0.625, 0.625)
    assert table_values(run) == {"worst_page": 3, "uncertainty": "0.6250", "worst_frame": None}


def test_certain_masks_have_no_worst_page() -> None:
    assert set(table_values(with_uncertainties(stored_run(finished()))).values()) == {None}


@pytest.mark.parametrize(("value", "text"), [(0.00001, "0.0000"), (1.2, "1.0000"), (0.12345, "0.1235")])
def test_numbers_sort_as_text(value: float, text: str) -> None:
    assert fixed_width(value) == text


def test_the_columns_are_renewed_with_each_prediction() -> None:
    parts = finished()
    parts.sink.column_errors = [LabelStudioUnavailable("503")]
    assert parts.pusher.sweep() == 0
    parts.clock.advance(120)
    assert parts.pusher.sweep() == 1
    first = parts.sink.fields[TASK]
    assert first == {k: v for k, v in table_values(stored_run(parts)).items() if v is not None}
    parts.service.propagate_and_wait(USER_TASK, click_on(first["worst_page"] - 1, 0.1), deadline_s=5)  # type: ignore[operator]
    assert parts.pusher.sweep() == 1
    assert parts.sink.fields[TASK] == {k: v for k, v in table_values(stored_run(parts)).items() if v is not None}


def test_refused_columns_do_not_give_up_the_prediction(caplog: pytest.LogCaptureFixture) -> None:
    parts = finished()
    parts.sink.column_errors = [LabelStudioRefused("403")]
    with caplog.at_level(logging.WARNING):
        assert parts.pusher.sweep() == 1
    assert "does not show its worst page: 403" in caplog.text
