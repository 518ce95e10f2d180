"""Fixtures: one Masklet with the demo checkpoint beside the real Label Studio, and a clip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip, prepare_demo_clip
from scripts.label_studio.server import LabelStudioServer

S3_PORT = 19_490
"""Of the S3 server that a test may start."""

ENVIRONMENT = {
    "MASKLET_MODEL": "demo",
    "MASKLET_DEVICE": "cpu",
    "MASKLET_PORT": "19390",
    "MASKLET_MEDIA_HOSTS": f"http://127.0.0.1:{S3_PORT}",
}


@pytest.fixture(scope="package")
def masklet(label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MaskletProcess]:
    process = MaskletProcess(tmp_path_factory.mktemp("masklet"))
    process.launch(label_studio_url=label_studio.url, token=label_studio.login.token, settings=ENVIRONMENT)
    process.wait()
    yield process
    process.stop()


@pytest.fixture(scope="package")
def clip(label_studio: LabelStudioServer) -> Clip:
    return prepare_demo_clip(label_studio.files)
