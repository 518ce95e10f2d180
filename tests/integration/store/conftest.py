"""An S3-compatible server, a proxy with faults before it, and a store there for each test alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from backend.adapters.store.masks.store import ObjectMaskStore
from backend.adapters.store.objects import shared as shared_module
from backend.adapters.store.objects.shared import SharedStore
from tests.fakes.servers.object_store import FaultyServer, faulty_server, object_store, point_at


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its objects."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def server_port(folder: Path) -> Iterator[int]:
    with object_store(folder) as port:
        yield port


@pytest.fixture
def server(server_port: int) -> Iterator[FaultyServer]:
    with faulty_server(server_port) as proxy:
        yield proxy


@pytest.fixture
def shared(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> SharedStore:
    monkeypatch.setattr(shared_module, "RETRIES", 1)  # an outage is then told soon
    monkeypatch.setattr(shared_module, "REQUEST_S", 2.0)
    return point_at(server.port, monkeypatch, uuid4().hex)


@pytest.fixture
def store(shared: SharedStore) -> ObjectMaskStore:
    return ObjectMaskStore(shared.objects("masks"))
