"""`masklet status`: how far batches are, and why what failed did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.domain.jobs import JobState
from backend.domain.retries import FailureKind

if TYPE_CHECKING:
    from backend.application.imports.status import ProjectStatus
    from backend.domain.retries import FailedTry

SHOWN = (JobState.QUEUED, JobState.RUNNING, JobState.DONE, JobState.FAILED, JobState.CANCELLED)
MOST_LINES = 20
RETRIED_AS = {FailureKind.JOB: "job(s)", FailureKind.PUSH: "push(es)", FailureKind.ADOPTION: "annotation(s)"}


def status(
    project: Annotated[int | None, typer.Argument(help="A project's number; default: all that Masklet knows.")] = None,
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """Say how many tasks are queued, running, done and failed, and why; exit code 1 if any failed."""
    from backend.bootstrap.batch import batch_statuses
    from backend.bootstrap.corrections import audit_tallies

    statuses = batch_statuses(project)
    console = Console()
    table = Table("project", *(state.value for state in SHOWN), "imported", "not begun", "asks for a person", "frames")
    for found in statuses:
        table.add_row(
            str(found.project_id),
            *(str(found.states.get(state, 0)) for state in SHOWN),
            str(found.imported),
            str(found.unprompted),
            str(len(found.asks_for_person)),
            str(found.frames_done),
        )
    console.print(table)
    for found in statuses:
        _explain(console, found)
    audits = {found.project_id: audit_tallies(found.project_id) for found in statuses}
    for number, tallies in audits.items():
        for version, tally in tallies.items():
            line = f"project {number}: audits of {version}: {tally.sentence()}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if json_file is not None:
        documents = [
            {
                **found.document(),
                "audits": {version: tally.document() for version, tally in audits[found.project_id].items()},
            }
            for found in statuses
        ]
        json_file.write_text(json.dumps(documents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if any(found.states.get(JobState.FAILED) or found.failed_sources or found.refused for found in statuses):
        raise typer.Exit(1)


def _explain(console: Console, found: ProjectStatus) -> None:
    lines = [f"{count} failed: {reason}" for reason, count in found.reasons]
    lines += [f"{name}: not imported: {reason}" for name, reason in found.failed_sources]
    lines += [f"task {name}: refused: {reason}" for name, reason in found.refused]
    lines += [
        f"task {failed.task}: its annotation was not read: {failed.reason}"
        for failed in found.retried
        if failed.is_given_up and failed.kind is FailureKind.ADOPTION
    ]
    lines += _retried(found)
    lines += [f"{name}: asks for a person: {reason}" for name, reason in found.asks_for_person]
    for line in lines[:MOST_LINES]:
        console.print(f"project {found.project_id}: {line}", markup=False, highlight=False, soft_wrap=True)
    if len(lines) > MOST_LINES:
        console.print(f"project {found.project_id}: and {len(lines) - MOST_LINES} more; --json FILE has them all")


def _retried(found: ProjectStatus) -> Iterator[str]:
    """A line per kind and cause of what is tried again by itself."""
    groups: dict[tuple[FailureKind, str], list[FailedTry]] = {}
    for failed in found.retried:
        if not failed.is_given_up:
            groups.setdefault((failed.kind, failed.failures.cause), []).append(failed)
    for (kind, _), group in groups.items():
        yield (
            f"{len(group)} {RETRIED_AS[kind]} tried again later (at once: masklet jobs retry {found.project_id}), "
            f"such as of task {group[0].task}: {group[0].reason}"
        )
