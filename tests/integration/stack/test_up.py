"""`masklet up` with its real processes: its health, an interrupted job, and a stop without leftover processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.bootstrap.stack import worker_name
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


def interrupted_job(data_dir: Path) -> str:
    """The id of a job that is running in the ledger, as after a kill of the whole stack."""
    prompt = FramePrompt(ObjectId("cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
    request = PropagationRequest(
        TaskKey(1, 2), MediaRef(("/data/clip.mp4",), is_pages=False), PromptSet.of([prompt], {}), model_version="m"
    )
    with closing(open_ledger(f"sqlite:///{data_dir / 'ledger.sqlite'}", SystemClock())) as ledger:
        job, _ = ledger.submit(JobKind.PROPAGATE, request)
        assert ledger.start(job.job_id, job.attempt, worker_name(JobKind.PROPAGATE, data_dir)) is not None
        return job.job_id


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, str]]:
    """A started stack, its data folder, and the interrupted job in it."""
    job_id = interrupted_job(tmp_path)
    with (tmp_path / "up.err").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.interfaces.cli", "up", "--data-dir", str(tmp_path), "--port", "19620"],
            cwd=ROOT,
            # With a heartbeat limit of an hour only the start itself can requeue the job.
            env={**os.environ, "MASKLET_HEARTBEAT_TTL_S": "3600", "MASKLET_MODEL": "demo", "LABEL_STUDIO_URL": ""},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield process, tmp_path, job_id
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_it_resumes_an_interrupted_job_and_stops_cleanly(
    stack: tuple[subprocess.Popen[str], Path, str],
) -> None:
    process, data_dir, job_id = stack
    assert process.stdout is not None
    word, _, url = process.stdout.readline().strip().partition(" ")
    assert word == "ready"
    with urllib.request.urlopen(f"{url}/health") as reply:
        health = json.load(reply)
    assert health["status"] == "UP"

    with closing(open_ledger(f"sqlite:///{data_dir / 'ledger.sqlite'}", SystemClock())) as ledger:
        assert ledger.job(job_id).attempt > 1

    run_file = data_dir / "run.json"
    while not run_file.exists():
        assert process.poll() is None
    run = json.loads(run_file.read_text())
    assert run["url"] == url
    assert set(run["pids"]) == {"queue", "web", "interactive", "propagate"}

    command = [sys.executable, "-m", "backend.interfaces.cli", "up", "--data-dir", str(data_dir)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert f"(process {process.pid} on " in second.stderr
    assert f"uses {data_dir}; stop it, or set MASKLET_DATA_DIR" in second.stderr

    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert f"`masklet models pull --data-dir {data_dir} tiny`" in (data_dir / "up.err").read_text()
    assert not run_file.exists()
    assert [name for name, pid in run["pids"].items() if Path(f"/proc/{pid}").exists()] == []
