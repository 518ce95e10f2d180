"""What the tests of the real thing share: one Label Studio database, made once, and the servers on copies of it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.label_studio.server import LabelStudioServer
from tests.fakes.stores import closed_stores

TEMPLATE = "MASKLET_TEST_LABEL_STUDIO"
"""Names a folder for the database, made there by whichever run of tests needs it first: it takes up to a minute."""

PORT = 20_000 + os.getpid() % 100 * 100
"""The first to try: it listens seconds after its port was found free, and another run of tests may start meanwhile."""


@pytest.fixture(autouse=True)
def _closed_stores() -> Iterator[None]:
    with closed_stores():
        yield


@pytest.fixture(scope="session")
def label_studio_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole, empty Label Studio database, to be copied."""
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
    """A running Label Studio of the tests' own."""
    folder = tmp_path_factory.mktemp("label-studio") / "data"
    shutil.copytree(label_studio_template, folder)
    with LabelStudioServer(folder, port=PORT) as server:
        yield server
