"""Worker processes to kill: the real JobRunner with the real engine, a child process for each attempt.

python -m tests.integration.work.child_worker CLIP. The model is loaded once and every child is a fork, because a new
process takes seconds to load it. Each line "FOLDER SNAPSHOT_FRAMES JOB_ID ATTEMPT" on stdin starts an attempt; the
answer is its process id. The answer to "wait" is the end of the last attempt: "ended" or "killed".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

import torch

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.media.decode import open_video
from backend.adapters.sam2.engine import load_engine
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.jobs.submit import Submitter
from backend.application.ports.engine import Segmenter
from backend.application.ports.media import VideoSource
from backend.application.worker.job_runner import JobRunner
from backend.codecs.coco_rle import CocoCodec
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, FrameIndex
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.queue import FakeQueue


class LocalMedia:
    """A MediaLibrary of one clip."""

    def __init__(self, clip: Path) -> None:
        self._clip = clip

    def open(
        self, media: MediaRef, *, task: TaskKey | None = None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        return open_video(self._clip, ContentHash("ab" * 32))


def attempt(engine: Segmenter, folder: Path, clip: Path, snapshot_frames: int, job_id: str, number: int) -> str:
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite", SystemClock())
    runner = JobRunner(
        ledger,
        FileMaskStore(folder / "masks"),
        CocoCodec(),
        LocalMedia(clip),
        engine,
        Submitter(ledger, FakeQueue()),
        SystemClock(),
        worker_name=f"worker-{os.getpid()}",
        max_attempts=3,
        pushes=True,
        key_values=MemoryKeyValueStore(),
        snapshot_frames=snapshot_frames,
    )
    return str(runner.run(job_id, number, lambda: False).state)


def main(clip: str) -> None:
    torch.set_num_threads(1)
    engine = load_engine("demo", model_dir=None, device="cpu", threads=1)
    child = 0
    answer("ready")
    for line in sys.stdin:
        if line.strip() == "wait":
            _, status = os.waitpid(child, 0)
            answer("ended" if status == 0 else "killed")
            continue
        folder, snapshot_frames, job_id, number = line.split()
        child = os.fork()
        if child == 0:
            attempt(engine, Path(folder), Path(clip), int(snapshot_frames), job_id, int(number))
            os._exit(0)
        answer(str(child))


def answer(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
