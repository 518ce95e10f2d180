"""What a lead decides of an item, whatever its people said: it is accepted, rejected, or sent back to its maker."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from backend.application.crowd.routing.ports import CrowdTasks
from backend.application.ports.crowd_ledger import CrowdLedger
from backend.domain.crowd.routing import (
    Crowd,
    Decision,
    ItemState,
    NextStep,
    Role,
    Route,
    Source,
    Start,
    Step,
    StepState,
)
from backend.domain.errors import InvalidInput, MaskletError, NotFound, ServiceUnavailable
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Carries decisions out. A task that is not done any more says so, if Label Studio takes it."""

    ledger: CrowdLedger
    tasks: CrowdTasks | None = None

    def decide(self, name: str, item: TaskKey, decision: Decision, comment: str = "") -> None:
        """Raises NotFound for an unknown crowd or item, InvalidInput for a redo of masks that nobody can verify or
        redo, ServiceUnavailable if the item went on meanwhile."""
        record, found = self.ledger.crowd_record(name), self.ledger.item(item)
        if record is None or found is None or found.crowd != name:
            raise NotFound(f"crowd {name[:60]!r} has no item {item}; `masklet crowd status` names those that are stuck")
        steps = self.ledger.steps_of_item(item)
        route = _route(record.crowd, steps, decision, comment)
        if not self.ledger.decide_item(steps[-1], route):
            raise ServiceUnavailable(f"item {item} went on meanwhile; look at it and decide again")
        self._write_note(steps[-1], decision)

    def _write_note(self, last: Step, decision: Decision) -> None:
        if self.tasks is None or last.task is None or last.state is StepState.DONE:
            return
        try:
            self.tasks.write_note(last.task, f"The lead decided: {decision}. There is nothing left to do here.")
        except MaskletError as error:
            logger.warning("task %s does not say that its item is decided: %s", last.task, error)


def _route(crowd: Crowd, steps: Sequence[Step], decision: Decision, comment: str) -> Route:
    if decision is not Decision.REDO:
        return Route(ItemState.ACCEPTED if decision is Decision.ACCEPT else ItemState.REJECTED)
    verified = next((step.task for step in reversed(steps) if step.role is Role.VERIFY and step.task is not None), None)
    if verified is None or crowd.maker_role is None:
        raise InvalidInput(
            f"item {steps[-1].item} cannot be sent back: "
            + ("its masks were not verified yet" if verified is None else "the crowd has nobody who makes masks")
        )
    said = " ".join(comment.split())
    note = f'The lead sends it back: "{said}".' if said else "The lead sends it back."
    return Route(ItemState.OPEN, NextStep(crowd.maker_role, Start.MASKS, note=note, source=Source(verified)))
