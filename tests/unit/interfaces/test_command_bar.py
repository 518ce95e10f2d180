"""The bar of commands that take long: on standard error of a terminal alone, with the counts that the work reports."""

from __future__ import annotations

import time

import pytest

from backend.application.ports.progress import counted, subscribed_to_counts
from backend.interfaces.cli.progress import command_bar as module
from backend.interfaces.cli.progress.command_bar import command_bar


def test_counts_are_reported_before_each_item_and_at_the_end() -> None:
    seen: list[tuple[str, int, int | None]] = []
    with subscribed_to_counts(lambda what, done, total: seen.append((what, done, total))):
        assert list(counted(["a", "b"], "letters")) == ["a", "b"]
        assert list(counted(iter([5]), "numbers")) == [5]
        assert list(counted([], "nothing", 3)) == []
    list(counted([1], "later"))
    assert seen == [
        ("letters", 0, 2), ("letters", 1, 2), ("letters", 2, 2),
        ("numbers", 0, None), ("numbers", 1, None),
        ("nothing", 0, 3),
    ]  # fmt: skip


def test_without_a_terminal_nothing_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHOWN_AFTER_S", 0.0)
    with command_bar("renew 7"):
        list(counted(range(3), "tasks"))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_counts_on_standard_error_and_standard_output_stays_clean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(module, "SHOWN_AFTER_S", 0.0)
    shown, printed = "", ""
    deadline = time.monotonic() + 30
    with command_bar("renew 7"):
        for number in counted(range(40), "tasks of [bold]"):
            if number == 3:
                print("a line of data")  # noqa: T201
                while "3/40" not in shown:
                    assert time.monotonic() < deadline, shown
                    out, err = capsys.readouterr()
                    printed, shown = printed + out, shown + err
                    time.sleep(0.01)
    printed += capsys.readouterr().out
    assert "tasks of [bold]" in shown
    assert printed == "a line of data\n"


def test_a_quick_command_shows_no_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with command_bar("jobs retry"):
        list(counted(range(3), "jobs"))
    assert capsys.readouterr() == ("", "")
