"""`masklet jobs`: the files that are refused, and the command that opens one again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.adapters.media.quarantine import MAX_TRIES
from backend.bootstrap.container import Container
from backend.bootstrap.media import open_quarantine
from backend.domain.errors import MediaError, NotFound
from backend.domain.video import ContentHash
from backend.interfaces.cli import app

HASH = ContentHash("ab" * 32)
NAME = "clip 1.mp4"


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_that_a_refusal_names_opens_the_file_again() -> None:
    quarantine = open_quarantine(Container.from_environment())
    for _ in range(MAX_TRIES):
        quarantine.count_death(HASH, NAME)
    with pytest.raises(MediaError) as refused:
        quarantine.require_allowed(HASH, NAME)
    assert f"{NAME} (SHA-256 {HASH[:12]}…): killed the decoder {MAX_TRIES} times, refused" in run("jobs", "files")
    _, _, command = str(refused.value).partition(": masklet ")
    assert f"{NAME} (SHA-256 {HASH[:12]}…): opened again" in run(*shlex.split(command))
    quarantine.require_allowed(HASH, NAME)
    assert run("jobs", "files") == ""


def test_a_file_that_killed_nothing_is_named_with_the_list() -> None:
    done = CliRunner().invoke(app, ["jobs", "retry", "--file", "other.mp4"])
    assert isinstance(done.exception, NotFound)
    assert "called other.mp4" in str(done.exception)
    assert "`masklet jobs files` lists them" in str(done.exception)
