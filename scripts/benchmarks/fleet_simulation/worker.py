"""A simulated worker: the real worker process with a stand-in for the engine, and a log of what it does when."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, event

from backend.application.jobs.submit import Submitter
from backend.application.worker.job_runner import Condition, JobRunner
from backend.application.worker.scheduling.media_waits import MediaWaits
from backend.bootstrap.container import Container, load_settings
from backend.bootstrap.worker import run_worker
from backend.codecs.coco_rle import CocoCodec
from backend.domain.jobs import Job, JobKind
from scripts.benchmarks.fleet_simulation.stand_in import StandInEngine, StandInMedia


@dataclass(slots=True)
class WorkLog:
    """Times on the clock that all processes of a machine share, in seconds.

    jobs: of each attempt its beginning and end, and its frames. statements: of each one its time and its first words.
    """

    frames_s: list[float] = field(default_factory=list)
    jobs: list[tuple[float, float, int]] = field(default_factory=list)
    statements: list[tuple[float, str]] = field(default_factory=list)

    def frame_made(self) -> None:
        self.frames_s.append(time.monotonic())

    def note_statements(self) -> None:
        """Notes every statement of this process from now on."""

        @event.listens_for(Engine, "before_cursor_execute")
        def noted(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            self.statements.append((time.monotonic(), named(statement)))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> WorkLog:
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            found["frames_s"], [tuple(job) for job in found["jobs"]], [tuple(one) for one in found["statements"]]
        )


def named(statement: str) -> str:
    """A statement's verb and its first table, `UPDATE masklet_jobs`."""
    table = re.search(r"\bmasklet_\w+", statement)
    verb = statement.split(maxsplit=1)[0].upper()
    return verb if table is None else f"{verb} {table[0]}"


@dataclass(frozen=True, slots=True)
class ObservedRunner(JobRunner):
    """Notes when attempts begin and end."""

    log: WorkLog = field(default_factory=WorkLog)

    def run(self, job_id: str, attempt: int, is_stopping: Condition, *, is_full: Condition | None = None) -> Job:
        began_s, frames = time.monotonic(), len(self.log.frames_s)
        job = JobRunner.run(self, job_id, attempt, is_stopping, is_full=is_full)
        self.log.jobs.append((began_s, time.monotonic(), len(self.log.frames_s) - frames))
        return job


def work(settings: Mapping[str, str], environment: Mapping[str, str], name: str, frame_s: float) -> None:
    """Works until SIGTERM, then writes the log into the data folder. For a process of its own.

    settings: of Masklet, by field. environment: of the store's client.
    """
    os.environ.update(environment)
    container, log = Container(load_settings(**settings)), WorkLog()
    log.note_statements()
    run_worker(container, JobKind.PROPAGATE, name, partial(_runner, frame_s=frame_s, log=log))
    log.write(log_path(container.folder.root))


def log_path(data_dir: Path) -> Path:
    return data_dir / "work.json"


def _runner(container: Container, name: str, media_waits: MediaWaits, *, frame_s: float, log: WorkLog) -> JobRunner:
    return ObservedRunner(
        ledger=container.ledger,
        masks=container.masks,
        codec=CocoCodec(),
        media=StandInMedia(),
        segmenter=StandInEngine(frame_s, log.frame_made),
        submitter=Submitter(container.ledger, container.queue),
        clock=container.clock,
        worker_name=name,
        max_attempts=container.settings.max_attempts,
        pushes=False,
        snapshot_frames=container.settings.snapshot_frames,
        key_values=container.key_values,
        media_waits=media_waits,
        log=log,
    )
