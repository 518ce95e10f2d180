"""`masklet up` with its real parts: what hangs is killed and replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.eventually import eventually

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.interfaces.cli", "up", "--data-dir", str(tmp_path), "--port", "19610"],
        cwd=ROOT,
        # Ten times as long for a start: the bound must fit a machine that is busy.
        env={**os.environ, "MASKLET_HANG_TIMEOUT_S": "20", "MASKLET_MODEL": "demo", "LABEL_STUDIO_URL": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, tmp_path
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def pids(data_dir: Path) -> dict[str, int]:
    run_file = data_dir / "run.json"
    found: dict[str, int] = json.loads(run_file.read_text())["pids"] if run_file.exists() else {}
    return found


def test_every_part_that_is_stopped_is_replaced(stack: tuple[subprocess.Popen[str], Path]) -> None:
    process, data_dir = stack
    assert process.stdout is not None
    said, _, url = process.stdout.readline().strip().partition(" ")
    assert said == "ready"
    eventually(lambda: len(pids(data_dir)) == 4)
    first = pids(data_dir)
    for pid in first.values():
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: all(pids(data_dir).get(name, pid) != pid for name, pid in first.items()))
    assert [name for name, pid in first.items() if Path(f"/proc/{pid}").exists()] == []

    def works() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
                health = json.load(reply)
        except OSError:
            return False
        return bool(health["status"] == "UP" and set((health["workers"] or {"": 0}).values()) == {1})

    eventually(works)
    assert process.poll() is None
