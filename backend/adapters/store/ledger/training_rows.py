"""Rows of trainings."""

from __future__ import annotations

import json

from sqlalchemy import Row, and_, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.training_tables import trainings
from backend.application.ports.training.ledger import AttemptState
from backend.codecs.training_json import (
    compact,
    labels_document,
    labels_of,
    progress_document,
    progress_of,
    request_document,
    request_of,
    result_document,
    result_of,
)
from backend.domain.errors import NotFound
from backend.domain.training import TrainingProgress, TrainingResult
from backend.domain.training.rows import (
    ADVANCE,
    NOT_BEGUN,
    OPEN_TRAININGS,
    Training,
    TrainingRequest,
    TrainingState,
    UsedLabels,
)

_IS_OPEN = trainings.c.state.in_([str(state) for state in OPEN_TRAININGS])


class TrainingRows(Rows):
    """The Ledger port's methods on trainings."""

    def open_training(self, training_id: str, request: TrainingRequest) -> tuple[Training, bool]:
        now_s = self._clock.now_s()
        with self._database.write() as connection:
            sequence = next_sequence(connection)
            is_open = and_(trainings.c.project_id == request.project_id, _IS_OPEN)
            known = connection.execute(select(trainings).where(is_open)).first()
            if known is not None:
                return _training(known), False
            connection.execute(
                insert(trainings).values(
                    training_id=training_id,
                    project_id=request.project_id,
                    sequence=sequence,
                    state=str(TrainingState.QUEUED),
                    attempt=1,
                    tries=1,
                    reached=0.0,
                    request=compact(request_document(request)),
                    progress=compact(progress_document(NOT_BEGUN)),
                    is_cancelled=False,
                    created_s=now_s,
                    updated_s=now_s,
                    heartbeat_s=now_s,
                    **dict.fromkeys(("base", "result", "labels", "reason", "note", "worker"), ""),
                )
            )
            return _training(_row(connection, training_id)), True

    def training(self, training_id: str) -> Training:
        with self._database.read() as connection:
            return _training(_row(connection, training_id))

    def trainings(
        self, *, project_id: int | None = None, is_open: bool = False, limit: int = 100
    ) -> tuple[Training, ...]:
        query = select(trainings).order_by(trainings.c.sequence.desc()).limit(limit)
        if project_id is not None:
            query = query.where(trainings.c.project_id == project_id)
        if is_open:
            query = query.where(_IS_OPEN)
        with self._database.read() as connection:
            return tuple(_training(row) for row in connection.execute(query))

    def begin_training(self, training_id: str, attempt: int, worker: str) -> Training | None:
        now_s = self._clock.now_s()
        due = _attempt(training_id, attempt, TrainingState.QUEUED)
        values = {"state": str(TrainingState.RUNNING), "worker": worker, "updated_s": now_s, "heartbeat_s": now_s}
        with self._database.write() as connection:
            if not connection.execute(update(trainings).where(due).values(values)).rowcount:
                return None
            return _training(_row(connection, training_id))

    def describe_training(
        self, training_id: str, attempt: int, *, base: str | None = None, labels: UsedLabels | None = None
    ) -> None:
        values = {} if base is None else {"base": base}
        if labels is not None:
            values["labels"] = compact(labels_document(labels))
        with self._database.write() as connection:
            connection.execute(update(trainings).where(_running(training_id, attempt)).values(values))

    def record_training_heartbeat(
        self, training_id: str, attempt: int, progress: TrainingProgress | None = None
    ) -> AttemptState:
        now_s = self._clock.now_s()
        values: dict[str, object] = {"heartbeat_s": now_s}
        with self._database.write(durable=False) as connection:
            running = _running(training_id, attempt)
            row = connection.execute(select(trainings.c.is_cancelled, trainings.c.reached).where(running)).first()
            if row is None:
                return AttemptState.LOST
            if progress is not None:
                values |= {"progress": compact(progress_document(progress)), "updated_s": now_s}
                if progress.share >= row.reached + ADVANCE:
                    values |= {"reached": progress.share, "tries": 1}
            connection.execute(update(trainings).where(running).values(values))
            return AttemptState.CANCELLED if row.is_cancelled else AttemptState.CURRENT

    def end_training(
        self,
        training_id: str,
        attempt: int,
        state: TrainingState,
        *,
        reason: str = "",
        result: TrainingResult | None = None,
        note: str = "",
    ) -> bool:
        values = {"state": str(state), "reason": reason, "note": note, "worker": "", "updated_s": self._clock.now_s()}
        if result is not None:
            values["result"] = compact(result_document(result))
        with self._database.write() as connection:
            ended = update(trainings).where(_running(training_id, attempt)).values(values)
            return connection.execute(ended).rowcount > 0

    def requeue_training(
        self, training_id: str, attempt: int, *, reason: str, max_tries: int, is_try: bool = True
    ) -> Training:
        with self._database.write() as connection:
            next_sequence(connection)
            row = connection.execute(select(trainings).where(_running(training_id, attempt))).first()
            if row is not None:
                values: dict[str, object] = {"worker": "", "reason": reason, "updated_s": self._clock.now_s()}
                if row.is_cancelled:
                    values |= {"state": str(TrainingState.CANCELLED), "reason": ""}
                elif is_try and row.tries >= max_tries:
                    values["state"] = str(TrainingState.FAILED)
                else:
                    values |= {
                        "state": str(TrainingState.QUEUED),
                        "attempt": attempt + 1,
                        "tries": row.tries + int(is_try),
                    }
                of_row = trainings.c.training_id == training_id
                connection.execute(update(trainings).where(of_row).values(values))
            return _training(_row(connection, training_id))

    def cancel_training(self, training_id: str) -> Training:
        of_row = trainings.c.training_id == training_id
        is_queued = and_(of_row, trainings.c.state == str(TrainingState.QUEUED))
        cancelled = {"state": str(TrainingState.CANCELLED), "updated_s": self._clock.now_s()}
        with self._database.write() as connection:
            next_sequence(connection)
            connection.execute(update(trainings).where(is_queued).values(cancelled))
            connection.execute(update(trainings).where(of_row, _IS_OPEN).values(is_cancelled=True))
            return _training(_row(connection, training_id))

    def silent_trainings(self, heartbeat_before_s: float) -> tuple[Training, ...]:
        silent = and_(trainings.c.state == str(TrainingState.RUNNING), trainings.c.heartbeat_s < heartbeat_before_s)
        with self._database.read() as connection:
            return tuple(_training(row) for row in connection.execute(select(trainings).where(silent)))


def _attempt(training_id: str, attempt: int, state: TrainingState) -> ColumnElement[bool]:
    return and_(trainings.c.training_id == training_id, trainings.c.attempt == attempt, trainings.c.state == str(state))


def _running(training_id: str, attempt: int) -> ColumnElement[bool]:
    return _attempt(training_id, attempt, TrainingState.RUNNING)


def _row(connection: Connection, training_id: str) -> Row[tuple[object, ...]]:
    row = connection.execute(select(trainings).where(trainings.c.training_id == training_id)).first()
    if row is None:
        raise NotFound(f"there is no training {training_id[:60]!r}")
    return row


def _training(row: Row[tuple[object, ...]]) -> Training:
    return Training(
        row.training_id,
        request_of(json.loads(row.request)),
        TrainingState(row.state),
        row.attempt,
        row.tries,
        row.base,
        progress_of(json.loads(row.progress)),
        result_of(json.loads(row.result)) if row.result else None,
        labels_of(json.loads(row.labels)) if row.labels else UsedLabels(),
        row.reason,
        row.note,
        row.worker,
        row.is_cancelled,
        row.created_s,
        row.updated_s,
        row.heartbeat_s,
    )
