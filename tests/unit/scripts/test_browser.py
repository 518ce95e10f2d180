from __future__ import annotations

from pathlib import Path

import pytest

from backend.domain.errors import InvalidInput
from scripts.browser import PROGRAM, chromium_path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(PROGRAM, raising=False)
    return tmp_path


def install(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_either_browser_is_found_and_the_wanted_one_first(programs: Path) -> None:
    install(programs, "chromium-headless-shell")
    assert chromium_path() == chromium_path(shell_first=True) == str(programs / "chromium-headless-shell")
    install(programs, "google-chrome")
    assert chromium_path() == str(programs / "google-chrome")
    assert chromium_path(shell_first=True) == str(programs / "chromium-headless-shell")


def test_a_named_browser_goes_before_all(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(programs, "chromium", "mine")
    monkeypatch.setenv(PROGRAM, str(programs / "mine"))
    assert chromium_path() == str(programs / "mine")


def test_without_a_browser_the_command_that_installs_it_is_named(programs: Path) -> None:
    with pytest.raises(InvalidInput, match="setup --browser"):
        chromium_path()
