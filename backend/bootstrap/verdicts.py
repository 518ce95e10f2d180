"""Wiring of the verdicts in `masklet report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.report.verdicts import VerdictRow, verdicts_page
from backend.application.imports.status import task_name
from backend.application.player.current_masks import CurrentMasks
from backend.application.player.project_verdicts import ProjectVerdicts, ReportedVerdict
from backend.application.player.prompt_index import PromptIndices
from backend.application.player.runs import UserRuns
from backend.application.player.timeline import Timelines
from backend.application.player.user_record import UserRecords
from backend.bootstrap.annotation import open_annotation_service
from backend.bootstrap.container import Container
from backend.codecs.coco_rle import CocoCodec
from backend.domain.errors import NotFound
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class TaskPlaces:
    """The names of tasks, and their addresses in Label Studio; no address without a Label Studio."""

    container: Container

    def rows(self, verdicts: Sequence[ReportedVerdict]) -> list[VerdictRow]:
        projects = {each.task.project_id for each in verdicts}
        names = {item.task: item.name for number in projects for item in self.container.import_records.items(number)}
        return [VerdictRow(each, task_name(each.task, names), self._address(each.task)) for each in verdicts]

    def _address(self, task: TaskKey) -> str:
        url = self.container.label_studio_public_url
        return f"{url}/projects/{task.project_id}/data?task={task.task_id}" if url else ""


def read_verdicts(container: Container, project_id: int, task: TaskKey | None = None) -> tuple[ReportedVerdict, ...]:
    """Everybody's verdicts on a task, or in a project (None). Raises ServiceUnavailable without a ledger."""
    ledger, codec = container.ledger, CocoCodec()
    masks = CurrentMasks(
        open_annotation_service(container),
        UserRecords(container.key_values),
        UserRuns(ledger),
        codec,
        PromptIndices(ledger, codec),
    )
    return ProjectVerdicts(ledger, Timelines(masks, container.key_values)).of(project_id, task=task)


def write_verdicts(project_id: int, out: Path) -> list[VerdictRow]:
    """Writes the page of a project's verdicts; returns its rows. Raises NotFound if nobody gave one."""
    container = Container.from_environment()
    rows = TaskPlaces(container).rows(read_verdicts(container, project_id))
    if not rows:
        raise NotFound(f"nobody has given a verdict in project {project_id} yet; people give them in the player")
    out.write_text(verdicts_page(f"Verdicts of project {project_id}", rows), encoding="utf-8")
    return rows
