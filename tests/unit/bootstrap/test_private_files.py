"""Files of the data folder: their user's alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.media.cache import MediaCache
from backend.adapters.media.serving.page_cache import PageCache
from backend.bootstrap.container import Container, keep_files_private
from backend.settings import Settings


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """A folder that was made before is too."""
    for root in (tmp_path / "new", tmp_path / "old"):
        if root.name == "old":
            root.mkdir(mode=0o755)
        assert Container(Settings(data_dir=root)).folder.root == root
        assert root.stat().st_mode & 0o777 == 0o700


def test_files_and_folders_in_it_are_too(tmp_path: Path) -> None:
    container = Container(Settings(data_dir=tmp_path / "data"))
    keep_files_private()
    container.ledger.close()
    assert container.media_signer
    container.key_values.write("shown/1-7", b"x")
    container.import_records.put([])
    MediaCache(container.folder.media, 10**6).put("address", [b"bytes"])
    PageCache(container.folder.pages, 10**6).put("id", 1, b"bytes")
    made = list(container.folder.root.rglob("*"))
    assert len(made) > 8
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_file()} == {"0o600"}
