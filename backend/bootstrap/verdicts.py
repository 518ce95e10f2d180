"""Wiring of the verdicts in `masklet report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backend.adapters.report.verdicts import VerdictRow, verdicts_page
from backend.application.imports.status import task_name
from backend.application.player.current_masks import open_current_masks
from backend.application.player.project_verdicts import ProjectVerdicts, ReportedVerdict
from backend.application.player.timeline import Timelines
from backend.bootstrap.annotation import open_annotation_service
from backend.bootstrap.container import Container
from backend.codecs.coco_rle import CocoCodec
from backend.domain.errors import NotFound
from backend.domain.tasks import TaskKey


def verdict_rows(container: Container, verdicts: Sequence[ReportedVerdict]) -> list[VerdictRow]:
    """The verdicts with the names of their tasks, and the tasks' addresses in Label Studio."""
    projects = {each.task.project_id for each in verdicts}
    names = {item.task: item.name for number in projects for item in container.import_records.items(number)}
    return [VerdictRow(each, task_name(each.task, names), container.task_address(each.task)) for each in verdicts]


def read_verdicts(container: Container, project_id: int, task: TaskKey | None = None) -> tuple[ReportedVerdict, ...]:
    """Everybody's verdicts on a task, or in a project (None). Raises ServiceUnavailable without a ledger."""
    masks = open_current_masks(open_annotation_service(container), container.key_values, CocoCodec())
    timelines = Timelines(masks, container.key_values)
    return ProjectVerdicts(container.ledger, timelines).of(project_id, task=task)


def write_verdicts(project_id: int, out: Path) -> list[VerdictRow]:
    """Writes the page of a project's verdicts; returns its rows. Raises NotFound if nobody gave one."""
    container = Container.from_environment()
    rows = verdict_rows(container, read_verdicts(container, project_id))
    if not rows:
        raise NotFound(f"nobody has given a verdict in project {project_id} yet; people give them in the player")
    out.write_text(verdicts_page(f"Verdicts of project {project_id}", rows), encoding="utf-8")
    return rows
