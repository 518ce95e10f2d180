"""Notes, keys, import records and the model in use of several hosts, on a real PostgreSQL."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.store.key_value import FileKeyValueStore
from backend.adapters.store.ledger.shared.note_rows import NoteRows
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.imports.model import BatchItem, ItemState, Outcome
from backend.application.ports.training.queue import ActiveModel
from backend.bootstrap.container import Container, load_settings
from backend.domain.errors import NotAllowed, NotFound
from tests.fakes.clock import FakeClock
from tests.unit.adapters.media.test_import_records import MEDIUM

ITEM = BatchItem(3, "k", 5, "clip", "m", count=2)


@pytest.fixture
def notes(ledger: SqlLedger, clock: FakeClock) -> NoteRows:
    return NoteRows(ledger.database, clock)


@pytest.fixture
def hosts(postgresql_url: str, tmp_path: Path) -> Iterator[tuple[Container, Container]]:
    """Two hosts with data folders of their own and one ledger; what they share is opened at the first use."""
    folders = [tmp_path / name for name in ("a", "b")]
    pair = [Container(load_settings(data_dir=folder, database_url=postgresql_url)) for folder in folders]
    with ExitStack() as opened:
        for host in pair:
            opened.callback(host.ledger.close)
        yield (pair[0], pair[1])


def test_notes_are_listed_newest_first_and_by_folder(notes: NoteRows, clock: FakeClock) -> None:
    for name in ("shown/1-7/a", "shown/1-7/b", "shown/1-70/c", "shown/1-7/a", "shown/loose", "shown0/x", "top"):
        clock.sleep(1.0)
        notes.write(name, name.encode())
    assert notes.names("shown/1-7") == ("shown/1-7/a", "shown/1-7/b")
    assert notes.values("shown/1-7") == (("shown/1-7/a", b"shown/1-7/a"), ("shown/1-7/b", b"shown/1-7/b"))
    assert notes.folders("shown") == ("shown/1-7", "shown/1-70")
    assert notes.read("top") == b"top"
    notes.remove("shown/1-70/c")
    notes.remove("shown/1-7")
    assert notes.folders("shown") == ("shown/1-7",)
    assert notes.read("shown/1-70/c") is None
    with pytest.raises(ValueError, match="no name of a note"):
        notes.read("../x")


def test_changes_of_one_note_do_not_get_lost(notes: NoteRows) -> None:
    def count() -> None:
        for _ in range(20):
            notes.change("count", lambda body: str(int(body or b"0") + 1).encode())

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes.read("count") == b"60"


def test_two_hosts_agree_on_notes_keys_and_models(hosts: tuple[Container, Container]) -> None:
    a, b = hosts
    a.key_values.write("resets/1-7", b"x")
    assert b.key_values.read("resets/1-7") == b"x"
    assert a.media_signer.key == b.media_signer.key
    path = a.media_signer.path("m" * 32, "video.mp4", until_s=0)
    assert b.media_signer.read(path, 0.0).leaf == "video.mp4"
    a.shared_state.model_uses.use(ActiveModel("trained-1", "ann", 1.0))
    assert b.shared_state.model_uses.active() == ActiveModel("trained-1", "ann", 1.0)
    assert b.shared_state.model_uses.roll_back() is None
    with pytest.raises(NotFound, match="nothing to roll back"):
        a.shared_state.model_uses.roll_back()
    assert not any((host.folder.root / name).exists() for host in hosts for name in ("notes", "media.key"))


def test_import_records_are_shared_and_files_are_not(hosts: tuple[Container, Container], tmp_path: Path) -> None:
    a, b = hosts
    a.import_records.put([ITEM])
    b.import_records.put([replace(ITEM, key="j", name="ant", handover="x"), replace(ITEM, handover="carried")])
    assert [item.handover for item in a.import_records.items(3)] == ["x", "carried"]
    assert a.import_records.items(4) == ()
    a.import_records.fail(3, Outcome("s", ItemState.FAILED, "n", reason="r"))
    assert b.import_records.failures() == ((3, Outcome("s", ItemState.FAILED, "n", reason="r")),)
    b.import_records.clear_failure(3, "s")
    assert a.import_records.failures(3) == ()
    a.import_records.put_medium(MEDIUM)
    assert b.import_records.is_elsewhere(b.import_records.medium(MEDIUM.media_id))
    here = replace(MEDIUM, path=tmp_path)
    b.import_records.put_medium(here)
    assert b.import_records.medium_at(tmp_path, MEDIUM.stamp) == here
    assert not b.import_records.is_elsewhere(here)


def test_a_worker_may_fetch_what_a_web_process_serves(tmp_path: Path) -> None:
    urls = {"label_studio_url": "http://127.0.0.1:8080", "public_url": "http://127.0.0.1:9090"}
    client = Container(load_settings(data_dir=tmp_path, **urls)).label_studio
    assert client is not None
    url = httpx.URL("http://127.0.0.1:9090/media/x/0-0/video.mp4")
    assert not client.media_policy.destination(url).with_token
    with pytest.raises(NotAllowed, match="MASKLET_MEDIA_HOSTS"):
        client.media_policy.destination(httpx.URL("http://127.0.0.1:9091/media/x/0-0/video.mp4"))
    client.close()


def test_a_data_folder_is_taken_over_once(postgresql_url: str, tmp_path: Path) -> None:
    one = Container(load_settings(data_dir=tmp_path))
    key = one.media_signer.key
    for position, name in enumerate(("shown/1-7/old", "shown/1-7/new")):
        one.key_values.write(name, b"x")
        os.utime(tmp_path / "notes" / name, (1e9 + position, 1e9 + position))
    one.import_records.put_medium(MEDIUM)
    one.import_records.put([ITEM])
    one.shared_state.model_uses.use(ActiveModel("trained-1", "ann", 1.0))
    threads = [threading.Thread(target=_open_and_close, args=(tmp_path, postgresql_url)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    many = Container(load_settings(data_dir=tmp_path, database_url=postgresql_url))
    with closing(many.ledger):
        assert many.media_signer.key == key
        assert many.key_values.names("shown/1-7") == ("shown/1-7/new", "shown/1-7/old")
        assert many.import_records.items() == (ITEM,)
        assert many.import_records.medium(MEDIUM.media_id) == MEDIUM
        assert many.shared_state.model_uses.active() == ActiveModel("trained-1", "ann", 1.0)
        many.key_values.remove("shown/1-7/old")
    again = Container(load_settings(data_dir=tmp_path, database_url=postgresql_url))
    with closing(again.ledger):
        assert again.key_values.names("shown/1-7") == ("shown/1-7/new",), "what was removed since stays away"
    assert FileKeyValueStore(tmp_path / "notes").read("shown/1-7/old") == b"x", "the files stay"
    assert ImportRecords(tmp_path / "batches.sqlite").items() == (ITEM,)
    assert json.loads((tmp_path / "model-in-use.json").read_bytes())[0]["name"] == "trained-1"


def _open_and_close(folder: Path, url: str) -> None:
    container = Container(load_settings(data_dir=folder, database_url=url))
    with closing(container.ledger):
        assert container.key_values.read("none") is None


def test_another_folders_key_is_told(
    hosts: tuple[Container, Container], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = hosts
    key = a.media_signer.key
    other = Container(load_settings(data_dir=b.settings.data_dir)).media_signer.key
    with caplog.at_level(logging.WARNING):
        assert b.media_signer.key == key != other
    assert "is not the key of the ledger" in caplog.text


def test_two_hosts_do_not_import_into_one_project(hosts: tuple[Container, Container]) -> None:
    a, b = hosts
    with a.ledger.database.claimed("import 3") as first, b.ledger.database.claimed("import 3") as second:
        assert (first, second) == (True, False)
    with b.ledger.database.claimed("import 3") as later:
        assert later
