"""MASKLET_STORE_URL: what it opens, and the check at the start of a process and in `masklet doctor`."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from backend.adapters.store.masks.store import FileMaskStore
from backend.adapters.store.objects.shared import SharedStore
from backend.bootstrap.container import Container
from backend.bootstrap.finding import Verdict, guarded
from backend.bootstrap.masks.check import require_store, store_finding
from backend.bootstrap.monitoring.log_setup import set_up_logging
from backend.domain.errors import InvalidInput, StoreRefused
from backend.settings import Settings
from tests.fakes.servers.object_store import FaultyServer, Reply


def container(shared: SharedStore, folder: Path, **settings: object) -> Container:
    return Container(Settings(data_dir=folder, store_url=shared.url, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["", "file:"])
def test_without_a_store_masks_lie_in_the_data_folder(tmp_path: Path, url: str) -> None:
    files = Container(Settings(data_dir=tmp_path, store_url=url))
    assert isinstance(files.masks, FileMaskStore)
    require_store(files)
    assert store_finding(files).sentence == f"masks and exports lie in {tmp_path}"


def test_without_a_store_its_client_is_not_imported() -> None:
    program = "import sys, backend.bootstrap.container; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_good_store_is_found_good(shared: SharedStore, tmp_path: Path) -> None:
    opened = container(shared, tmp_path)
    require_store(opened)
    assert store_finding(opened).verdict is Verdict.OK
    assert opened.masks.runs() == ()


def test_a_start_is_refused_for_what_somebody_has_to_mend(
    shared: SharedStore, server: FaultyServer, tmp_path: Path
) -> None:
    server.drops_conditions = True
    with pytest.raises(StoreRefused, match="does not keep conditional writes"):
        require_store(container(shared, tmp_path))
    with pytest.raises(InvalidInput, match="MASKLET_STORE_URL: must be s3://BUCKET/PREFIX"):
        require_store(Container(Settings(data_dir=tmp_path, store_url="/masks")))


def test_an_outage_at_the_start_is_logged_and_waited_for(
    shared: SharedStore, server: FaultyServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.always(Reply(503, "SlowDown"))
    require_store(container(shared, tmp_path))
    assert f"the store {shared.url} cannot be listed: it answers 503 SlowDown" in caplog.text
    found = guarded("store", lambda: store_finding(container(shared, tmp_path)))
    assert (found.verdict, "503 SlowDown" in found.sentence) == (Verdict.FAIL, True)


def test_no_line_of_a_log_has_the_stores_secrets(
    shared: SharedStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        set_up_logging(Settings(data_dir=tmp_path, store_url=shared.url))
        logging.getLogger("masklet").warning("key AKIDMASKLET, secret wJalrXUtnFEMIK7MDENG")
    finally:
        root.handlers[:], root.level = handlers, level
    assert "key [hidden], secret [hidden]" in capsys.readouterr().err


def test_the_cache_can_be_switched_off(shared: SharedStore, tmp_path: Path) -> None:
    opened = container(shared, tmp_path, store_cache_mib=0)
    assert opened.masks.runs() == ()
    assert not (tmp_path / "mask-cache").exists()
