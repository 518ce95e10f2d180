"""What the tests of the real thing share: one Label Studio database, made once, and the servers on copies of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.label_studio.server import LabelStudioServer

TEMPLATE = "MASKLET_TEST_LABEL_STUDIO"
"""Names a folder that a Label Studio of ours has been started in before: saves the minute that its database takes."""


@pytest.fixture(scope="session")
def label_studio_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole, empty Label Studio database, to be copied."""
    given = os.environ.get(TEMPLATE)
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("label-studio-template")
    with LabelStudioServer(folder, port=18080):
        pass
    return folder


@pytest.fixture(scope="session")
def label_studio(label_studio_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    """A running Label Studio of the tests' own."""
    folder = tmp_path_factory.mktemp("label-studio") / "data"
    shutil.copytree(label_studio_template, folder)
    with LabelStudioServer(folder, port=18180) as server:
        yield server
