"""The liveness probe with real small processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.queue.heartbeat_file import heartbeat_folder, read_heartbeat
from backend.adapters.queue.probe import probe
from backend.domain.errors import ServiceUnavailable

BEATS = """
import sys, time
from pathlib import Path
from backend.adapters.queue.heartbeat_file import ProcessHeartbeat
heartbeat = ProcessHeartbeat(Path(sys.argv[1]), bound_s=float(sys.argv[2]))
print("up", flush=True)
while True:
    heartbeat.moved()
    time.sleep(0.01)
"""


@pytest.fixture
def process(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that makes a step every 10 ms; the parameter is its bound in seconds."""
    argv = [sys.executable, "-c", BEATS, str(heartbeat_folder(tmp_path) / "worker"), str(request.param)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        yield child
        child.kill()


@pytest.mark.parametrize("process", [3600.0], indirect=True)
def test_a_process_that_works_is_named(process: subprocess.Popen[str], tmp_path: Path) -> None:
    assert probe(tmp_path, kills=True) == ("worker",)
    assert process.poll() is None


@pytest.mark.parametrize("process", [0.2], indirect=True)
def test_a_stopped_process_is_killed_if_that_is_wanted(process: subprocess.Popen[str], tmp_path: Path) -> None:
    process.send_signal(signal.SIGSTOP)
    path = heartbeat_folder(tmp_path) / "worker"
    while (found := read_heartbeat(path)) is None or found.overdue_s(time.monotonic()) <= 0:
        time.sleep(0.02)
    with pytest.raises(ServiceUnavailable, match=r"^worker \(pid \d+\) has made no step of work for \d+ s$"):
        probe(tmp_path)
    assert process.poll() is None
    with pytest.raises(ServiceUnavailable):
        probe(tmp_path, kills=True)
    assert process.wait(60) == -signal.SIGKILL
    with pytest.raises(ServiceUnavailable, match="no process of Masklet runs on this host"):
        probe(tmp_path)


@pytest.mark.parametrize("process", [3600.0], indirect=True)
def test_an_address_that_does_not_answer_is_a_failure(process: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="does not answer within"):
        probe(tmp_path, url="http://127.0.0.1:1/health")
