"""Counts and lists of a crowd's items and steps, for its status."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import and_, exists, func, select

from backend.adapters.store.ledger.crowd.forms import AnyRow, item_of, step_of
from backend.adapters.store.ledger.crowd_tables import crowd_answers, crowd_items, crowd_steps
from backend.adapters.store.ledger.rows import Rows
from backend.application.ports.crowd_ledger import MakerVerdict, StepCounts
from backend.domain.crowd.routing import Item, ItemState, Role, Step, StepState
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

_OPEN = str(StepState.OPEN)
_DONE = str(StepState.DONE)
_IS_ANSWER = and_(
    crowd_answers.c.item_project_id == crowd_steps.c.item_project_id,
    crowd_answers.c.item_task_id == crowd_steps.c.item_task_id,
    crowd_answers.c.number == crowd_steps.c.number,
)
_HAS_ANSWER = exists().where(_IS_ANSWER)
_MADE = crowd_steps.alias("made")
_IS_MADE = and_(
    _MADE.c.item_project_id == crowd_steps.c.item_project_id,
    _MADE.c.item_task_id == crowd_steps.c.item_task_id,
    _MADE.c.number == crowd_steps.c.number - 1,
)
"""The step of the masks that a verification is of."""


class CrowdCounts(Rows):
    """The Ledger port's methods that count what is routed."""

    def item_counts(self, crowd: str) -> Mapping[ItemState, int]:
        with self._database.read() as connection:
            of_crowd = crowd_items.c.crowd == crowd
            query = select(crowd_items.c.state, func.count()).where(of_crowd).group_by(crowd_items.c.state)
            return {ItemState(state): count for state, count in connection.execute(query)}

    def items_in(self, crowd: str, state: ItemState, *, limit: int) -> tuple[Item, ...]:
        with self._database.read() as connection:
            query = select(crowd_items).where(crowd_items.c.crowd == crowd, crowd_items.c.state == str(state))
            newest = query.order_by(crowd_items.c.changed_s.desc(), *crowd_items.primary_key.columns).limit(limit)
            return tuple(item_of(row) for row in connection.execute(newest))

    def step_counts(self, crowd: str, *, since_s: float) -> Mapping[Role, StepCounts]:
        with self._database.read() as connection:
            of_crowd = crowd_steps.c.crowd == crowd
            columns = (crowd_steps.c.role, crowd_steps.c.state)
            counts = {
                (row.role, row.state): row
                for row in connection.execute(
                    select(*columns, func.count().label("count"), func.min(crowd_steps.c.opened_s).label("oldest_s"))
                    .where(of_crowd)
                    .group_by(*columns)
                )
            }
            answered = select(crowd_steps.c.role, func.count()).where(of_crowd, crowd_steps.c.state == _OPEN)
            with_answers = {row[0]: row[1] for row in connection.execute(answered.where(_HAS_ANSWER).group_by("role"))}
            ended = (
                select(crowd_steps.c.role, crowd_steps.c.done_s)
                .where(of_crowd, crowd_steps.c.state == _DONE, crowd_steps.c.done_s >= since_s)
                .order_by(crowd_steps.c.done_s)
            )
            done_s: dict[str, list[float]] = {}
            for role, at_s in connection.execute(ended):
                done_s.setdefault(role, []).append(at_s)
        return {
            role: StepCounts(
                wanted=_count(counts.get((role, str(StepState.WANTED)))),
                open=_count(counts.get((role, _OPEN))) - with_answers.get(role, 0),
                answered=with_answers.get(role, 0),
                done=_count(counts.get((role, _DONE))),
                oldest_s=None if (role, _OPEN) not in counts else float(counts[role, _OPEN].oldest_s),
                done_s=tuple(done_s.get(role, ())),
            )
            for role in Role
        }

    def waiting_steps(self, crowd: str, *, limit: int) -> tuple[Step, ...]:
        with self._database.read() as connection:
            waits = and_(crowd_steps.c.crowd == crowd, crowd_steps.c.state == _OPEN, crowd_steps.c.waits != "")
            query = select(crowd_steps).where(waits).order_by(crowd_steps.c.opened_s, *crowd_steps.primary_key.columns)
            return tuple(step_of(row) for row in connection.execute(query.limit(limit)))

    def edited_counts(self, crowd: str, role: Role, *, hard_frames: int) -> tuple[int, int]:
        with self._database.read() as connection:
            made = and_(
                crowd_steps.c.crowd == crowd,
                crowd_steps.c.state == _DONE,
                crowd_steps.c.role == str(role),
                crowd_steps.c.edited_frames > 0,
            )
            is_hard = crowd_steps.c.edited_frames >= hard_frames
            query = select(func.count()).select_from(crowd_steps).where(made)
            hard = connection.execute(query.where(is_hard)).scalar_one()
            return int(hard), int(connection.execute(query.where(~is_hard)).scalar_one())

    def maker_verdicts(self, crowd: str) -> tuple[MakerVerdict, ...]:
        with self._database.read() as connection:
            query = (
                select(
                    crowd_steps,
                    _MADE.c.maker.label("made_by"),
                    crowd_answers.c.user_name,
                    crowd_answers.c.verdict,
                )
                .join(_MADE, _IS_MADE)
                .join(crowd_answers, _IS_ANSWER)
                .where(
                    crowd_steps.c.crowd == crowd,
                    crowd_steps.c.role == str(Role.VERIFY),
                    crowd_steps.c.state == _DONE,
                    _MADE.c.maker != "",
                    crowd_answers.c.uncounted == "",
                    crowd_answers.c.verdict != "",
                )
                .order_by(crowd_steps.c.done_s, crowd_answers.c.annotation_id)
            )
            return tuple(_maker_verdict(row) for row in connection.execute(query))


def _count(row: AnyRow | None) -> int:
    return 0 if row is None else int(row._mapping["count"])


def _maker_verdict(row: AnyRow) -> MakerVerdict:
    step = step_of(row)
    task = TaskKey(step.project_id, step.task_id or 0)
    return MakerVerdict(step.item, task, row.made_by, row.user_name, Verdict(row.verdict), step.done_s)
