"""The report of `masklet import` is written however the import ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.application.imports.model import ItemState, Outcome
from backend.domain.errors import InvalidInput, LabelStudioUnavailable
from backend.interfaces.cli.progress.import_report import open_report

COUNTS = {"created": 1, "existing": 0, "duplicate": 0, "prompted": 0, "failed": 1}


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LabelStudioUnavailable("no answer"), "LabelStudioUnavailable: no answer"),
        (KeyError("labels"), "KeyError: 'labels'"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
    ],
)
def test_an_import_that_ends_with_an_error_leaves_its_report(tmp_path: Path, error: BaseException, told: str) -> None:
    path = tmp_path / "report.jsonl"

    def interrupted() -> None:
        with open_report(path) as report:
            report.outcome(Outcome("a.mp4", ItemState.CREATED, "a.mp4", 7))
            report.outcome(Outcome("b\udce9.mp4", ItemState.FAILED, reason="MediaError: no"))
            raise error

    with pytest.raises(type(error)):
        interrupted()
    made, failed, end = lines_of(path)
    assert made == {"source": "a.mp4", "state": "created", "name": "a.mp4", "task": 7}
    assert failed["source"] == "b\udce9.mp4"
    assert end == {"summary": COUNTS, "error": told}


def test_a_report_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    refused = pytest.raises(InvalidInput, match=r"--report .*missing/r.jsonl cannot be written: No such file")
    with refused, open_report(tmp_path / "missing" / "r.jsonl"):
        pass
