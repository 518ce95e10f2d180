"""Downloads from a server with whole, cut, wrong and missing files."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from backend.adapters.sam2.weights import download as module
from backend.adapters.sam2.weights.checkpoints import PublishedCheckpoint
from backend.adapters.sam2.weights.download import pull
from backend.domain.errors import IntegrityError, ModelError
from backend.interfaces.cli import app

CONTENT = bytes(range(256)) * 400
NAME = "sam2.1_hiera_tiny.pt"


class Server(ThreadingHTTPServer):
    """Serves CONTENT under /models/. cut: the most bytes of a response. ranges: honours Range."""

    cut: int | None = None
    ranges = True
    requested: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requested.append(wanted)
        if self.path != f"/models/{NAME}":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        stop = None if self.server.cut is None else start + self.server.cut
        self.wfile.write(CONTENT[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requested = []
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = PublishedCheckpoint("tiny", NAME, hashlib.sha256(CONTENT).hexdigest(), "sam2.1_hiera_t.yaml")
    monkeypatch.setattr(module, "PUBLISHED", {"tiny": entry})


def silent(_received: int, _total: int) -> None:
    return


def test_a_file_arrives_whole_with_its_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = pull("tiny", server.url, tmp_path / "models", lambda received, total: seen.append((received, total)))
    assert path == tmp_path / "models" / NAME
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [entry.name for entry in path.parent.iterdir()] == [NAME]


def test_the_command_puts_the_file_where_models_are(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MASKLET_MODEL_BASE_URL", server.url)
    monkeypatch.delenv("MASKLET_MODEL_DIR", raising=False)
    done = CliRunner().invoke(app, ["models", "pull", "tiny"])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "models" / NAME))
    assert (tmp_path / "models" / NAME).read_bytes() == CONTENT


def test_a_file_that_is_here_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert pull("tiny", server.url, tmp_path, silent) == tmp_path / NAME
    assert server.requested == []


def test_a_damaged_file_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"damaged")
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT


def test_a_cut_download_resumes(server: Server, tmp_path: Path) -> None:
    server.cut = 5000
    with pytest.raises(ModelError, match=r"fetching .* broke off after 5,000 bytes .* run the command again"):
        pull("tiny", server.url, tmp_path, silent)
    assert not (tmp_path / NAME).exists()
    server.cut = None
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT
    assert server.requested == [None, "bytes=5000-"]


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:777])
    server.ranges = False
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT


def test_a_complete_part_is_renamed(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert pull("tiny", server.url, tmp_path, silent).read_bytes() == CONTENT


def test_the_wrong_content_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 100)
    with pytest.raises(IntegrityError, match="is not the published file"):
        pull("tiny", server.url, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_address(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"/elsewhere/sam2\.1_hiera_tiny\.pt answered 404 Not Found$"):
        pull("tiny", server.url.replace("models", "elsewhere"), tmp_path, silent)


def test_a_missing_server(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"fetching .* could not be started .*refused"):
        pull("tiny", "http://127.0.0.1:9/", tmp_path, silent)


def test_a_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_received: int, _total: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ModelError, match=r"no space is left in .* free some, then run the command again"):
        pull("tiny", server.url, tmp_path, full)


def test_two_fetches_at_once_do_not_mix(server: Server, tmp_path: Path) -> None:
    def again(_received: int, _total: int) -> None:
        pull("tiny", server.url, tmp_path, silent)

    with pytest.raises(ModelError, match="is being fetched by another process"):
        pull("tiny", server.url, tmp_path, again)


def test_names_that_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the demo checkpoint comes with Masklet"):
        pull("demo", "http://127.0.0.1:9/", tmp_path, silent)
    with pytest.raises(ModelError, match="there is no checkpoint 'huge' to fetch; choose tiny"):
        pull("huge", "http://127.0.0.1:9/", tmp_path, silent)
