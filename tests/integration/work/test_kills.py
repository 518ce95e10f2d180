"""A real worker killed with -9 at random moments stores the same masks as an uninterrupted one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.jobs.submit import Submitter
from backend.application.worker.resume_point import ResumePoint
from backend.domain.geometry import Box, Point
from backend.domain.jobs import Job, JobState, PropagationRequest
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clips import ClipSpec, write_clip
from tests.fakes.queue import FakeQueue

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FRAMES = 32
TIMEOUT_S = 120.0
SNAPSHOT_FRAMES = 5
CAT, DOG = ObjectId("cat"), ObjectId("dog")
CLICK = FramePrompt(CAT, FrameIndex(6), (PointPrompt(Point(0.3, 0.3)),))
BOX = FramePrompt(DOG, FrameIndex(20), box=Box(0.4, 0.1, 0.9, 0.6))
CORRECTION = FramePrompt(CAT, FrameIndex(25), (PointPrompt(Point(0.6, 0.2)),))


class ChildWorkers:
    """The process that forks the worker processes."""

    def __init__(self, clip: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.work.child_worker", clip],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class KillSetup:
    """A ledger and masks in a folder, and the workers of their jobs."""

    def __init__(self, workers: ChildWorkers, folder: Path, *, snapshot_frames: int) -> None:
        folder.mkdir()
        self.ledger: SqlLedger = open_ledger(f"sqlite:///{folder}/ledger.sqlite", SystemClock())
        self.masks = FileMaskStore(folder / "masks")
        self._submitter = Submitter(self.ledger, FakeQueue())
        self._workers = workers
        self._where = f"{folder} {snapshot_frames}"

    def submit(self, *prompts: FramePrompt) -> Job:
        request = PropagationRequest(
            TaskKey(1, 2), MediaRef(("clip.mp4",), is_pages=False), PromptSet.of(prompts, {}), model_version="m"
        )
        return self._submitter.submit(request)

    def begin(self, job: Job) -> int:
        """Start the job's current attempt; returns the process id of its worker."""
        return int(self._workers.ask(f"{self._where} {job.job_id} {self.ledger.job(job.job_id).attempt}"))

    def kill(self, job: Job, pid: int) -> bool:
        """Kill -9 the worker and requeue the job, as the reconciler does; False if the job was done already."""
        os.kill(pid, signal.SIGKILL)
        self._workers.ask("wait")
        latest = self.ledger.job(job.job_id)
        if latest.state is JobState.DONE:
            return False
        self.ledger.requeue(job.job_id, latest.attempt, reason="ServiceUnavailable: died", max_attempts=99)
        return True

    def is_open(self, job: Job) -> bool:
        return not self.ledger.job(job.job_id).state.is_final

    def saved(self, job: Job) -> int:
        """The count of frames in the newest snapshot of the job's attempts."""
        attempts = range(1, self.ledger.job(job.job_id).attempt + 1)
        states = (self.masks.snapshot(f"{job.job_id}-a{number}") for number in attempts)
        return max((ResumePoint.load(state).done for state in states if state), default=0)

    def finished(self, job: Job) -> MaskRun:
        """The masks of the current attempt, run to its end."""
        self.begin(job)
        assert self._workers.ask("wait") == "ended"
        latest = self.ledger.job(job.job_id)
        assert latest.state is JobState.DONE, latest.reason
        assert self.masks.snapshot(latest.masks_run) is None
        return self.masks.read(latest.masks_run)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildWorkers]:
    clip = write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", ClipSpec(frame_count=FRAMES))
    opened = ChildWorkers(clip)
    yield opened
    opened.close()


def killed_at_random(setup: KillSetup, job: Job, rng: random.Random, *, kills: int, longest_s: float) -> list[int]:
    """Kill the job's worker up to `kills` times, until the job is done; returns the count of saved frames at each kill.

    longest_s: the longest time until a kill, seconds. Every second attempt runs until it has saved more frames than the
    one before, also on a slow machine. No attempt runs until it has saved all frames, also on a fast machine.
    """
    saved: list[int] = []
    for attempt in range(1, kills + 1):
        pid = setup.begin(job)
        kill_s = time.monotonic() + rng.uniform(0.0, longest_s)
        while time.monotonic() < kill_s and setup.saved(job) < SNAPSHOT_FRAMES * attempt:
            time.sleep(0.005)
        deadline = time.monotonic() + TIMEOUT_S
        while attempt % 2 == 0 and setup.is_open(job) and setup.saved(job) <= saved[-1]:
            assert time.monotonic() < deadline, "nothing was saved"
            time.sleep(0.005)
        if not setup.kill(job, pid):
            break
        saved.append(setup.saved(job))
    return saved


def test_a_job_killed_many_times_stores_the_same_bits(tmp_path: Path, workers: ChildWorkers) -> None:
    uninterrupted = KillSetup(workers, tmp_path / "uninterrupted", snapshot_frames=0)
    started_s = time.monotonic()
    first = uninterrupted.finished(uninterrupted.submit(CLICK, BOX))
    whole_s = time.monotonic() - started_s
    corrected = uninterrupted.finished(uninterrupted.submit(CLICK, BOX, CORRECTION))
    assert [[f.frame_index for f in m.frames] for m in first.masklets] == [list(range(FRAMES))] * 2

    rng = random.Random(7)
    setup = KillSetup(workers, tmp_path / "killed", snapshot_frames=SNAPSHOT_FRAMES)
    job = setup.submit(CLICK, BOX)
    saved = killed_at_random(setup, job, rng, kills=8, longest_s=whole_s / 4)
    assert setup.finished(job) == first
    assert setup.masks.runs() == (setup.ledger.job(job.job_id).masks_run,)
    assert len(saved) >= 4
    assert saved == sorted(saved), "saved frames are not lost"
    assert saved[-1] > 0

    correction = setup.submit(CLICK, BOX, CORRECTION)
    killed_at_random(setup, correction, rng, kills=3, longest_s=whole_s / 4)
    assert setup.finished(correction) == corrected
    assert setup.ledger.job(correction.job_id).total == FRAMES - CORRECTION.frame_index

    assert of_object(corrected, DOG) == of_object(first, DOG)
    cat, cat_corrected = of_object(first, CAT).frames, of_object(corrected, CAT).frames
    assert cat_corrected[: CORRECTION.frame_index] == cat[: CORRECTION.frame_index]
    assert cat_corrected[CORRECTION.frame_index :] != cat[CORRECTION.frame_index :]


def of_object(run: MaskRun, object_id: ObjectId) -> Masklet:
    return next(masklet for masklet in run.masklets if masklet.object_id == object_id)
