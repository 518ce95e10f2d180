"""Decisions of a lead on items: the end of whatever step is not done, the item's new state, and perhaps a next step."""

from __future__ import annotations

from sqlalchemy import and_, func, insert, select, update

from backend.adapters.store.ledger import failure_rows
from backend.adapters.store.ledger.crowd.forms import of_item
from backend.adapters.store.ledger.crowd.step_rows import NEVER_S, next_step_values, of_item_row
from backend.adapters.store.ledger.crowd_tables import crowd_items, crowd_steps
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.domain.crowd.routing import Route, Step, StepState
from backend.domain.retries import FailureKind


class CrowdDecisionRows(Rows):
    """The Ledger port's method on decisions."""

    def decide_item(self, last: Step, route: Route) -> bool:
        with self._database.write() as connection:
            next_sequence(connection)
            newest = connection.scalar(select(func.max(crowd_steps.c.number)).where(of_item(last.item)))
            if newest != last.number:
                return False
            now_s = self._clock.now_s()
            is_not_done = and_(of_item(last.item), crowd_steps.c.state != str(StepState.DONE))
            ended = {"state": str(StepState.DONE), "done_s": now_s, "waits": "", "look_s": NEVER_S}
            connection.execute(update(crowd_steps).where(is_not_done).values(ended))
            failure_rows.take_away(connection, FailureKind.ROUTE, last.name)
            if route.next_step is not None:
                values = next_step_values(connection, last, route.next_step, now_s)
                connection.execute(insert(crowd_steps).values(values))
            changed = {"state": str(route.state), "changed_s": now_s}
            connection.execute(update(crowd_items).where(of_item_row(last.item)).values(changed))
            return True
