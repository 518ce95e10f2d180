"""`masklet connect` and `masklet project create`: what is printed, asked and refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from backend.adapters.labelstudio.config.project_configs import config_for, template_of
from backend.application.ports.data_table import HiddenColumns, TableTab
from backend.application.ports.projects import ProjectRecord
from backend.application.projects.connect import Connector
from backend.application.projects.plan import ConfigChoice, ConnectionSettings
from backend.bootstrap import projects as wiring
from backend.bootstrap.container import Container
from backend.domain.errors import InvalidInput
from backend.interfaces import cli
from tests.fakes.projects import MemoryProjects, MemoryTable

HERE = "http://localhost:9090"


@pytest.fixture
def projects(monkeypatch: pytest.MonkeyPatch) -> MemoryProjects:
    """Project 7, which has the default label config of Label Studio."""
    memory = MemoryProjects({7: ProjectRecord(7, "Cats", "<View></View>")})
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://localhost:8080")

    table = MemoryTable(tabs={7: TableTab(1, "Default", HiddenColumns())})

    @contextmanager
    def opened(container: object, **options: Any) -> Iterator[Connector]:  # noqa: ANN401
        yield Connector(
            memory, table, config_for, ConnectionSettings("http://localhost:8080", HERE, HERE, "masklet-demo-1")
        )

    monkeypatch.setattr(wiring, "open_connector", opened)
    return memory


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, answer: str | None = None) -> int:
    """The exit code. answer: what a person at a terminal types; None: there is no terminal."""
    monkeypatch.setattr("sys.argv", ["masklet", *arguments])
    monkeypatch.setattr("sys.stdin.isatty", lambda: answer is not None, raising=False)
    if answer is not None:
        monkeypatch.setattr("typer.confirm", lambda question: answer == "y")
    with pytest.raises(SystemExit) as exited:
        cli.main()
    return int(exited.value.code or 0)


def test_without_a_terminal_nothing_changes_unless_yes_is_given(
    projects: MemoryProjects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "connect", "7") == 2
    assert projects.calls == []
    printed = capsys.readouterr()
    assert "there is no terminal to ask on; --yes makes these changes" in printed.err
    assert '+  <HyperText name="player"' in printed.out
    assert "-<View></View>" in printed.out
    assert f"webhook: tells {HERE}/webhook" in printed.out

    assert run(monkeypatch, "connect", "7", "--yes") == 0
    assert "write_config" in projects.calls
    assert run(monkeypatch, "connect", "7") == 0
    assert capsys.readouterr().out.endswith("Project 7 is connected; nothing changes.\n")


@pytest.mark.parametrize(("answer", "code", "changed"), [("y", 0, True), ("n", 1, False)])
def test_a_person_is_asked(
    projects: MemoryProjects, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, changed: bool
) -> None:
    assert run(monkeypatch, "connect", "7", answer=answer) == code
    assert bool(projects.calls) is changed


def test_an_unknown_project_is_one_sentence(
    projects: MemoryProjects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "connect", "8", "--yes") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_project_is_made_and_its_address_printed(
    projects: MemoryProjects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "project", "create", "Dogs", "--config", "frames") == 0
    assert capsys.readouterr().out == "Project 8 is connected: http://localhost:8080/projects/8/data\n"
    assert projects.known[8].title == "Dogs"
    assert run(monkeypatch, "project", "create", "Birds", "--config", "keep") == 2
    assert 9 not in projects.known


def test_an_import_names_what_its_project_lacks(projects: MemoryProjects) -> None:
    projects.known[7] = replace(projects.known[7], label_config=template_of(ConfigChoice.FRAMES))
    container = Container.from_environment()
    (warning,) = wiring.connection_warnings(container, 7)
    assert warning.startswith(f"project 7 is not fully connected (ML backend: connects {HERE}")
    assert warning.endswith(": masklet connect 7 --config keep")
    with wiring.open_connector(container) as connector:
        connector.apply(connector.plan(7, ConfigChoice.KEEP))
    assert wiring.connection_warnings(container, 7) == ()
    (unknown,) = wiring.connection_warnings(container, 8)
    assert unknown.startswith("it is not known whether project 8 is connected to Masklet: ")


@pytest.mark.parametrize(
    ("given", "own", "expected"),
    [
        ("", "http://127.0.0.1:9090", "http://localhost:9090"),
        ("", "http://192.168.0.4:9090", "http://192.168.0.4:9090"),
        ("https://masklet.example.org/", "http://127.0.0.1:9090", "https://masklet.example.org"),
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090", "http://127.0.0.1:9090"),
    ],
)
def test_browsers_get_the_loopback_name_of_label_studio(given: str, own: str, expected: str) -> None:
    assert wiring.public_url_for(given, own, "http://localhost:8080") == expected


@pytest.mark.parametrize("url", ["masklet:9090", "http://a'b", "http://0.0.0.0:9090", "ftp://host", "http://h/$x"])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        wiring.public_url_for(url, "http://127.0.0.1:9090", "http://localhost:8080")
