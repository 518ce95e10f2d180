"""Rows of propagations whose masks are stored already: copies of another task's masks."""

from __future__ import annotations

from sqlalchemy import update

from backend.adapters.store.ledger import prompt_rows, push_rows
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.job_queries import find_row, get, job_of
from backend.adapters.store.ledger.job_rows import open_job
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import jobs
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest, job_id_of


class AdoptedRunRows(Rows):
    """The Ledger port's method on such propagations."""

    def adopt_run(self, request: PropagationRequest, masks_run: str, *, attempt: int) -> Job:
        with self._database.write() as connection:
            sequence = next_sequence(connection)  # before reading
            prompt_rows.record(connection, request.task, request.prompts, request.user)
            job_id, now_s = job_id_of(request), self._clock.now_s()
            row = find_row(connection, job_id)
            known = None if row is None else job_of(row)
            if known is not None and known.attempt >= attempt:
                return known
            open_job(connection, job_id, JobKind.PROPAGATE, request, attempt=attempt, now_s=now_s)
            ended = {"state": str(JobState.DONE), "masks_run": masks_run, "sequence": sequence, "pushes": True}
            connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(ended))
            job = get(connection, job_id)
            push_rows.want(connection, job, sequence=sequence, now_s=now_s)
            return job
