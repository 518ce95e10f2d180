"""The ledger of a large project, written row by row: prompts, propagations, summaries, verdicts and time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Table, insert, update

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.thumbnails import Thumbnails
from backend.adapters.report.thumbnails import thumbnail_jpeg
from backend.adapters.store.ledger import crowd_tables, tables
from backend.adapters.store.ledger.database import Database
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.bootstrap.container import DataFolder
from backend.bootstrap.web import THUMBNAIL_BYTES
from backend.domain.crowd.agreement import ObjectAgreement
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.jobs import JobKind, JobState, run_name
from backend.domain.tasks import TaskKey

PROJECT = 1
OVERLAP = 3
"""People on one task."""

LABELS = ("Cat", "Dog")
CLICKS = 3
FRAMES = 300
MEASURED = 300
"""Frames on which the agreement of a task's people is measured."""

ROWS_AT_ONCE = 500
VERDICTS = ("satisfactory", "redo")

Row = dict[str, object]


def write_ledger(data_dir: Path, *, tasks: int, people: int) -> SqlLedger:
    """Each task has OVERLAP people with an object of each label, CLICKS prompted frames and finished masks each.

    Every tenth task has prompts and no masks; every second finished one has a verdict. The agreement of the others is
    measured, on MEASURED frames.
    """
    clock, url = SystemClock(), DataFolder(data_dir).ledger_url
    ledger = open_ledger(url, clock)
    with closing(Database(url)) as database, database.write() as connection:
        rows = list(_rows(tasks, people, clock.now_s()))
        for table in (
            tables.prompts,
            tables.labels,
            tables.jobs,
            crowd_tables.run_summaries,
            tables.verdicts,
            crowd_tables.effort,
        ):
            _insert(connection, table, [row for name, row in rows if name == table.name])
        sequence = update(tables.counters).where(tables.counters.c.name == "sequence")
        connection.execute(sequence.values(value=len(rows) + 1))
    for task_id in range(1, tasks + 1):
        if task_id % 10:
            ledger.record_measurement(_measured(task_id, people), state=str(task_id))
    return ledger


def _person(task_id: int, turn: int, people: int) -> str:
    return f"person-{(task_id * OVERLAP + turn) % people:02d}@example.org"


def _measured(task_id: int, people: int) -> MeasuredTask:
    draw = np.random.default_rng(task_id)
    submitted = tuple(
        Submission(_person(task_id, turn, people), task_id * OVERLAP + turn, 0.0) for turn in range(OVERLAP)
    )
    pairs = OVERLAP * (OVERLAP - 1) // 2
    objects = tuple(
        ObjectAgreement(
            label,
            tuple(range(MEASURED)),
            draw.uniform(0.6, 1.0, (MEASURED, pairs)),
            draw.uniform(0.6, 1.0, (MEASURED, pairs)),
            np.ones((MEASURED, OVERLAP), np.bool_),
        )
        for label in LABELS
    )
    return MeasuredTask(TaskKey(PROJECT, task_id), submitted, objects)


def write_thumbnails(data_dir: Path, ledger: SqlLedger, count: int) -> None:
    """Puts the pictures of the first tasks into their cache: frames of noise with a mask, of a real picture's size."""
    thumbnails = Thumbnails(PageDecoder(), PageCache(DataFolder(data_dir).thumbnails, THUMBNAIL_BYTES))
    noise = np.random.default_rng(0).integers(0, 255, (18, 32, 3), np.uint8)
    frame = np.kron(noise, np.ones((20, 20, 1), np.uint8))
    mask = np.zeros(frame.shape[:2], np.bool_)
    mask[100:200, 200:400] = True
    picture = thumbnail_jpeg(frame, [mask])
    first = sorted(ledger.project_rows(PROJECT).figures, key=lambda each: each.task.task_id)[: OVERLAP * count]
    for figures in first:
        thumbnails.put(figures.masks_run, figures.worst_frame, picture)


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        connection.execute(insert(table), rows[start : start + ROWS_AT_ONCE])


def _rows(tasks: int, people: int, now_s: float) -> Iterator[tuple[str, Row]]:
    draw, sequence = np.random.default_rng(1), 0
    for task_id in range(1, tasks + 1):
        is_done = task_id % 10 != 0
        for turn in range(OVERLAP):
            user = _person(task_id, turn, people)
            key: Row = {"project_id": PROJECT, "task_id": task_id, "user_name": user}
            for label in LABELS:
                for click in range(CLICKS):
                    sequence += 1
                    place = [round(float(value), 4) for value in draw.random(2)]
                    body = json.dumps({"points": [[*place, True]]}, separators=(",", ":"))
                    at = {"object_id": label, "frame_index": click * 40, "body": body, "sequence": sequence}
                    yield tables.prompts.name, {**key, **at}
                yield tables.labels.name, {**key, "object_id": label, "label": label}
                yield crowd_tables.effort.name, {**key, "object_id": label, "seconds": float(draw.integers(20, 400))}
            if is_done:
                sequence += 1
                job_id = f"p-{sequence:040x}"
                yield tables.jobs.name, {**key, **_job(job_id, sequence, now_s)}
                yield crowd_tables.run_summaries.name, {**key, **_summary(run_name(job_id, 1), float(draw.random()))}
        if is_done and task_id % 2:
            sequence += 1
            lead: Row = {"project_id": PROJECT, "task_id": task_id, "user_name": "lead@example.org"}
            given = {"object_id": "", "verdict": VERDICTS[task_id % 4 // 2], "comment": "", "masks": "digest"}
            yield tables.verdicts.name, {**lead, **given, "sequence": sequence}


def _job(job_id: str, sequence: int, now_s: float) -> Row:
    times = dict.fromkeys(("created_s", "updated_s", "heartbeat_s"), now_s)
    texts = {"reason": "", "model_version": "masklet-demo-00000000", "worker": "", "timings_s": "{}"}
    return {
        "job_id": job_id,
        "kind": str(JobKind.PROPAGATE),
        "state": str(JobState.DONE),
        "attempt": 1,
        "first_attempt": 1,
        "sequence": sequence,
        "done": FRAMES,
        "total": FRAMES,
        "masks_run": run_name(job_id, 1),
        "pushes": False,
        "request": "x" * 4000,  # real ones have prompts and a label config
        **times,
        **texts,
    }


def _summary(run: str, uncertainty: float) -> Row:
    objects = [
        {
            "object_id": label,
            "label": label,
            "frames": FRAMES,
            "area_px": 900.0 * (place + 1),
            "uncertainty": uncertainty,
        }
        for place, label in enumerate(LABELS)
    ]
    figures: Row = {"frame_count": FRAMES, "uncertainty": uncertainty, "worst_frame": 7}
    return {"masks_run": run, "objects": json.dumps(objects), **figures}
