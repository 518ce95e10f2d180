"""The queues of a crowd as the lead's page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.application.crowd.lead.observed import CrowdQueue
from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.ports.crowd_ledger import CrowdLedger
from backend.domain.crowd.routing import Role
from backend.domain.crowd.routing_status import CrowdStatus, QueueStatus
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class CrowdQueues:
    """The Crowd that the lead's page observes."""

    ledger: CrowdLedger
    statuses: CrowdStatuses

    def phase(self, project_id: int) -> str:
        """See Crowd."""
        record = self.ledger.crowd_of_project(project_id)
        role = None if record is None else record.crowd.role_of(project_id)
        return "" if role is None else str(role)

    def queues(self, project_id: int) -> Sequence[CrowdQueue]:
        """See Crowd."""
        record = self.ledger.crowd_of_project(project_id)
        if record is None:
            return ()
        status = self.statuses.of(record.crowd.name)
        return tuple(_queue(queue, tuple(_stuck(status, queue.role))) for queue in status.queues)

    def note(self, task: TaskKey) -> str:
        """See Crowd."""
        step = self.ledger.step_of_task(task)
        return "" if step is None or step.role is Role.VERIFY else step.note


def _queue(queue: QueueStatus, stuck: tuple[str, ...]) -> CrowdQueue:
    waiting = queue.wanted + queue.open + queue.answered
    return CrowdQueue(str(queue.role), queue.project_id, waiting, queue.done, queue.oldest_s, queue.per_hour, stuck)


def _stuck(status: CrowdStatus, role: Role) -> Iterator[str]:
    """What does not go on in a role, and why. A stopped item stands in the role that made its masks."""
    for each in status.stuck:
        if each.role is role:
            place = f"item {each.item}, whose task is not made yet" if each.task is None else f"task {each.task}"
            yield f"{place}: {each.reason}"
    if role is (status.crowd.maker_role or Role.VERIFY):
        for stopped in status.stopped:
            note = f" {stopped.note}" if stopped.note else ""
            yield f"item {stopped.item}: stopped after {stopped.redos} redo(s), last task {stopped.task}.{note}"
