"""Downloads from a server with whole, cut, wrong and missing files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.adapters.sam2.weights import download as module
from backend.adapters.sam2.weights.download import pull
from backend.domain.errors import IntegrityError, ModelError
from backend.interfaces.cli import app
from tests.fakes.servers.checkpoint_server import CONTENT, ENTRY, NAME, CheckpointServer, checkpoint_server


@pytest.fixture
def server() -> Iterator[CheckpointServer]:
    with checkpoint_server() as running:
        yield running


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PUBLISHED", {"tiny": ENTRY})


def silent(_received: int, _total: int) -> None:
    return


def test_a_file_arrives_whole_with_its_progress(server: CheckpointServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = pull("tiny", server.url, tmp_path / "models", lambda received, total: seen.append((received, total)))
    assert path == tmp_path / "models" / NAME
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [entry.name for entry in path.parent.iterdir()] == [NAME]


def test_the_command_puts_the_file_where_models_are(
    server: CheckpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MASKLET_MODEL_BASE_URL", server.url)
    monkeypatch.delenv("MASKLET_MODEL_DIR", raising=False)
    done = CliRunner().invoke(app, ["models", "pull", "tiny"])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "models" / NAME))
    assert (tmp_path / "models" / NAME).read_bytes() == CONTENT
    done = CliRunner().invoke(app, ["models", "pull", "--data-dir", str(tmp_path / "other"), "tiny"])
    assert done.stdout.strip() == str(tmp_path / "other" / "models" / NAME)


def test_a_file_that_is_here_is_not_fetched_again(server: CheckpointServer, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert pull("tiny", server.url, tmp_path, silent) == tmp_path / NAME
    assert server.requested == []


def test_a_damaged_file_is_replaced(server: CheckpointServer, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"damaged")
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT


def test_a_cut_download_resumes(server: CheckpointServer, tmp_path: Path) -> None:
    server.cut = 5000
    with pytest.raises(ModelError, match=r"fetching .* broke off after 5,000 bytes .* run the command again"):
        pull("tiny", server.url, tmp_path, silent)
    assert not (tmp_path / NAME).exists()
    server.cut = None
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT
    assert server.requested == [None, "bytes=5000-"]


def test_a_slow_server_is_waited_for(server: CheckpointServer, tmp_path: Path) -> None:
    server.pause_s = 0.01
    seen: list[int] = []
    pull("tiny", server.url, tmp_path, lambda received, _: seen.append(received))
    assert len(seen) > 1
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(server: CheckpointServer, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:777])
    server.ranges = False
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT


def test_a_complete_part_is_renamed(server: CheckpointServer, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT


def test_the_wrong_content_is_refused_and_removed(server: CheckpointServer, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 100)
    with pytest.raises(IntegrityError, match="is not the published file"):
        pull("tiny", server.url, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_address(server: CheckpointServer, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"/elsewhere/sam2\.1_hiera_tiny\.pt answered 404 Not Found: set MASKLET"):
        pull("tiny", server.url.replace("models", "elsewhere"), tmp_path, silent)


def test_a_missing_server(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"{NAME} cannot be reached \(.*refused\).* put the file into {tmp_path}"):
        pull("tiny", "http://127.0.0.1:9/", tmp_path, silent)


def test_a_full_disk(server: CheckpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_received: int, _total: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ModelError, match=r"no space is left in .* free some, then run the command again"):
        pull("tiny", server.url, tmp_path, full)


def test_two_fetches_at_once_do_not_mix(server: CheckpointServer, tmp_path: Path) -> None:
    def again(_received: int, _total: int) -> None:
        pull("tiny", server.url, tmp_path, silent)

    with pytest.raises(ModelError, match="is being fetched by another process"):
        pull("tiny", server.url, tmp_path, again)


def test_names_that_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the demo checkpoint comes with Masklet"):
        pull("demo", "http://127.0.0.1:9/", tmp_path, silent)
    with pytest.raises(ModelError, match="edgetam is not fetched by Masklet: put edgetam/model"):
        pull("edgetam", "http://127.0.0.1:9/", tmp_path, silent)
    with pytest.raises(ModelError, match="sam3 is not fetched by Masklet: put sam3/model.*facebook/sam3"):
        pull("sam3", "http://127.0.0.1:9/", tmp_path, silent)
    with pytest.raises(ModelError, match="there is no checkpoint 'huge' to fetch; choose tiny"):
        pull("huge", "http://127.0.0.1:9/", tmp_path, silent)
