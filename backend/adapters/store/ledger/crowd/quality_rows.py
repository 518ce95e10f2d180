"""Rows of the crowd's quality: measured tasks, gold, written consensus."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Row, and_, delete, insert, select, union
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.crowd_tables import consensus, gold, measurements
from backend.adapters.store.ledger.database import Database, next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.unwritten import PROJECTS_KEPT, UntilWritten
from backend.application.ports.clock import Clock
from backend.application.ports.quality_ledger import WrittenConsensus
from backend.codecs.quality_json import measured_json, measured_of, truth_json, truth_of
from backend.domain.crowd.agreement_measured import MeasuredTask
from backend.domain.crowd.gold_truth import GoldTask
from backend.domain.tasks import TaskKey


class QualityRows(Rows):
    """The Ledger port's methods for the crowd's quality."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._states: UntilWritten[int, Mapping[TaskKey, str]] = UntilWritten(database, PROJECTS_KEPT)

    def measurement_states(self, project_id: int) -> Mapping[TaskKey, str]:
        return self._states.get(project_id, lambda: self._measurement_states(project_id))

    def _measurement_states(self, project_id: int) -> Mapping[TaskKey, str]:
        query = select(measurements.c.task_id, measurements.c.state).where(measurements.c.project_id == project_id)
        with self._database.read() as connection:
            return {TaskKey(project_id, task_id): state for task_id, state in connection.execute(query).all()}

    def measurements(self, project_id: int) -> tuple[MeasuredTask, ...]:
        query = select(measurements).where(measurements.c.project_id == project_id).order_by(measurements.c.task_id)
        with self._database.read() as connection:
            return tuple(measured_of(TaskKey(project_id, row.task_id), row.body) for row in connection.execute(query))

    def measured_projects(self) -> frozenset[int]:
        query = union(select(measurements.c.project_id), select(gold.c.project_id))
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def record_measurement(self, measured: MeasuredTask, *, state: str) -> None:
        key = and_(
            measurements.c.project_id == measured.task.project_id, measurements.c.task_id == measured.task.task_id
        )
        with self._database.write() as connection:
            next_sequence(connection)  # two writers must not both insert
            connection.execute(delete(measurements).where(key))
            connection.execute(
                insert(measurements).values(
                    project_id=measured.task.project_id,
                    task_id=measured.task.task_id,
                    state=state,
                    body=measured_json(measured),
                )
            )

    def forget_measurements(self, project_id: int, task_ids: Collection[int]) -> None:
        of_project = measurements.c.project_id == project_id
        with self._database.write() as connection:
            for task_id in task_ids:
                connection.execute(delete(measurements).where(of_project, measurements.c.task_id == task_id))

    def gold(self, project_id: int) -> tuple[GoldTask, ...]:
        query = select(gold).where(gold.c.project_id == project_id).order_by(gold.c.sequence)
        with self._database.read() as connection:
            found = [_gold(row) for row in connection.execute(query)]
        return (*(each for each in found if not each.is_copy), *(each for each in found if each.is_copy))

    def put_gold(self, added: GoldTask) -> None:
        with self._database.write() as connection:
            sequence = next_sequence(connection)
            known = connection.scalar(select(gold.c.sequence).where(_same(added)))
            connection.execute(delete(gold).where(_same(added)))
            connection.execute(
                insert(gold).values(
                    sequence=sequence if known is None else known,
                    project_id=added.task.project_id,
                    task_id=added.task.task_id,
                    gold_key=added.key,
                    source_project_id=added.source.project_id,
                    source_task_id=added.source.task_id,
                    annotation_id=added.annotation_id,
                    truth=truth_json(added.truth),
                    added_s=added.added_s,
                )
            )

    def remove_gold(self, source: TaskKey) -> tuple[TaskKey, ...]:
        of_source = and_(gold.c.source_project_id == source.project_id, gold.c.source_task_id == source.task_id)
        with self._database.write() as connection:
            rows = connection.execute(select(gold).where(of_source).order_by(gold.c.sequence)).all()
            connection.execute(delete(gold).where(of_source))
        return tuple(TaskKey(row.project_id, row.task_id) for row in rows if row.gold_key)

    def consensus(self, project_id: int) -> Mapping[TaskKey, WrittenConsensus]:
        query = select(consensus).where(consensus.c.project_id == project_id)
        with self._database.read() as connection:
            return {(found := _written(row)).task: found for row in connection.execute(query)}

    def put_consensus(self, written: WrittenConsensus) -> None:
        task = written.task
        key = and_(consensus.c.project_id == task.project_id, consensus.c.task_id == task.task_id)
        with self._database.write() as connection:
            next_sequence(connection)
            connection.execute(delete(consensus).where(key))
            connection.execute(
                insert(consensus).values(
                    project_id=task.project_id,
                    task_id=task.task_id,
                    state=written.state,
                    masks_run=written.masks_run,
                    prediction_id=written.prediction_id,
                )
            )


def _same(added: GoldTask) -> ColumnElement[bool]:
    """The row of the same source, or of the same copy."""
    same = (
        gold.c.gold_key == added.key
        if added.is_copy
        else and_(gold.c.gold_key == "", gold.c.task_id == added.task.task_id)
    )
    return and_(gold.c.project_id == added.task.project_id, same)


def _gold(row: Row[tuple[object, ...]]) -> GoldTask:
    return GoldTask(
        TaskKey(row.project_id, row.task_id),
        TaskKey(row.source_project_id, row.source_task_id),
        row.gold_key,
        row.annotation_id,
        truth_of(row.truth),
        row.added_s,
    )


def _written(row: Row[tuple[object, ...]]) -> WrittenConsensus:
    return WrittenConsensus(TaskKey(row.project_id, row.task_id), row.state, row.masks_run, row.prediction_id)
