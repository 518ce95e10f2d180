"""Fixtures of all tests: closed stores, and Label Studio servers on copies of one database that is made once."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from scripts.demonstration.backend import MaskletProcess
from scripts.label_studio.server import LabelStudioServer
from tests.fakes.stores import closed_stores

TEMPLATE = "MASKLET_TEST_LABEL_STUDIO"
"""The environment variable with the database's folder. The first test run makes the database, in up to a minute."""

PORT = 20_000 + os.getpid() % 100 * 100
"""The first port to try. It depends on the process: a server listens seconds after its port was found free."""

LOG_LINES = 60

# No test depends on speed: an example takes as long as the machine needs.
settings.register_profile("masklet", deadline=None)
settings.load_profile("masklet")


# While modules are imported, rounds of garbage collection would look at all of them again and again.
gc.disable()

TOGETHER = ("tests/browser/player", "tests/browser", "tests/e2e", "tests/contract")
"""Folders whose tests share servers, the inner one first: each runs in one process. Other tests: by file."""

FIRST = (
    *("tests/browser/player/", "tests/browser/"),
    *("tests/integration/engine/", "tests/integration/http/", "tests/unit/training/"),
    "tests/e2e/",
)
"""What begins first, in this order. Pages take longest and wait much: what computes and waits for nothing is beside
them, and the tests of whole stacks begin when the first process is done with its pages."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next((n for n, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))
    )


def _scope(nodeid: str) -> str:
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Gives each process of `-n` a folder or a file of tests at a time, in the order of collection."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _scope
    return scheduler


def pytest_collection_finish() -> None:
    """Takes the modules of all tests out of garbage collection: each round would look at millions of their objects."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the last lines of the servers' logs to the report of a failed test."""
    report = yield
    if call.when == "call" and report.failed:
        for log in _server_logs(getattr(item, "funcargs", {})):
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else ["no such file"]
            report.sections.append((f"end of {log.name}", "\n".join(lines)))
    return report


def _server_logs(fixtures: Mapping[str, object]) -> Iterator[Path]:
    """The logs of the servers among a test's fixtures."""
    for value in fixtures.values():
        server = getattr(value, "process", value)
        if isinstance(server, LabelStudioServer):
            yield server.log
        elif isinstance(server, MaskletProcess):
            yield server.data_dir / "logs" / "web.log"


@pytest.fixture(autouse=True)
def _closed_stores() -> Iterator[None]:
    with closed_stores():
        yield


@pytest.fixture(autouse=True)
def _kept_umask() -> Iterator[None]:
    """Main functions of servers keep the files of their process private: later tests are not of that process."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def label_studio_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete, empty Label Studio database, to be copied."""
    given = os.environ.get(TEMPLATE)
    folder = Path(given) if given else tmp_path_factory.mktemp("label-studio-template")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = LabelStudioServer(folder, port=PORT)
        if server.is_first_start:
            with server:
                pass
    return folder


@pytest.fixture(scope="session")
def label_studio(label_studio_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    """A running Label Studio of this test session."""
    folder = tmp_path_factory.mktemp("label-studio") / "data"
    shutil.copytree(label_studio_template, folder)
    with LabelStudioServer(folder, port=PORT) as server:
        yield server
