"""`masklet status`: how far batches are, and why what failed did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from backend.domain.jobs import JobState
from backend.domain.retries import FailureKind
from backend.domain.selection import range_text
from backend.interfaces.cli.progress.durations import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from backend.application.imports.status import ProjectStatus
    from backend.bootstrap.imports.batch_status import ProjectOverview
    from backend.domain.retries import FailedTry

SHOWN = (JobState.DONE, JobState.RUNNING, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED)
MOST_LINES = 20
NAMED = 3
WATCH_S = 2.0
RETRIED_AS = {
    FailureKind.JOB: "job(s)",
    FailureKind.PUSH: "push(es)",
    FailureKind.ADOPTION: "annotation(s)",
    FailureKind.WRITE: "write(s) into annotations",
    FailureKind.ROUTE: "step(s) of a crowd",
}
GIVEN_UP_AS = {
    FailureKind.ADOPTION: "its annotation was not read",
    FailureKind.WRITE: "its masks were not written into the annotation",
    FailureKind.ROUTE: "its item in a crowd did not go on",
}


def status(
    project: Annotated[int | None, typer.Argument(help="A project's number; default: all that Masklet knows.")] = None,
    *,
    watch: Annotated[
        bool, typer.Option(help="Show it anew every 2 seconds until no task is queued or running.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """Say how many tasks are queued, running, done and failed, and why; exit code 1 if any failed."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.imports.batch_status import read_overviews

    container = Container.from_environment()
    console = Console()

    def read() -> list[ProjectOverview]:
        return read_overviews(container, project)

    overviews = _watched(console, read) if watch else read()
    if not watch:
        console.print(_text(overviews), soft_wrap=True)
    if json_file is not None:
        documents = [overview.document() for overview in overviews]
        json_file.write_text(json.dumps(documents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    found = [overview.status for overview in overviews]
    if any(each.states.get(JobState.FAILED) or each.failed_sources or each.refused for each in found):
        raise typer.Exit(1)


def _watched(console: Console, read: Callable[[], list[ProjectOverview]]) -> list[ProjectOverview]:
    overviews = read()
    with Live(_text(overviews), console=console, auto_refresh=False) as live:
        while any(overview.status.is_open for overview in overviews):
            time.sleep(WATCH_S)
            overviews = read()
            live.update(_text(overviews), refresh=True)
    return overviews


def _text(overviews: list[ProjectOverview]) -> Text:
    lines = [line for overview in overviews for line in overview_lines(overview)]
    return Text(
        "\n".join(lines or ["Masklet has no tasks yet. `masklet import` and prompts in Label Studio add them."])
    )


def overview_lines(overview: ProjectOverview) -> Iterator[str]:
    """A project's overview, a fact a line. Lines without names and reasons fit 80 columns."""
    status = overview.status
    done = status.states.get(JobState.DONE, 0)
    share = f"{_percent(done, status.tasks)} of {status.tasks} tasks done"
    yield f"project {status.project_id}: {share}  {overview.address}".rstrip()
    counts = [f"{status.states[state]} {state.value}" for state in SHOWN if status.states.get(state)]
    counts += [f"{status.unprompted} not begun"] if status.unprompted else []
    yield f"  tasks   {', '.join(counts) or 'none'}; {status.imported} imported"
    rate = f", {status.frames_per_s:.1f} frames/s" if status.frames_per_s else ""
    left = "" if status.remaining_s is None else f", about {duration_text(status.remaining_s)} left"
    if status.redo_verdicts:
        counted = f"{status.redo_verdicts} verdict{'s' * (status.redo_verdicts != 1)}"
        yield f"  redo    {counted}, some may be outdated; all: masklet report {status.project_id}"
    yield f"  frames  {status.frames_done} of {status.frames_total}{rate}{left}"
    details = list(_details(status))
    yield from (f"  {line}" for line in details[:MOST_LINES])
    if len(details) > MOST_LINES:
        yield f"  and {len(details) - MOST_LINES} more; --json FILE has them all"
    yield from (f"  audits of {version}: {tally.sentence()}" for version, tally in overview.audits.items())


def _details(status: ProjectStatus) -> Iterator[str]:
    for reason, count in status.reasons:
        yield f"{count} failed: {reason}"
    if status.failed:
        more = f" and {len(status.failed) - NAMED} more" if len(status.failed) > NAMED else ""
        yield f"failed are {', '.join(status.failed[:NAMED])}{more}; retry: masklet jobs retry {status.project_id}"
    yield from (f"{name}: not imported: {reason}" for name, reason in status.failed_sources)
    yield from (f"{name}: refused: {reason}" for name, reason in status.refused)
    for name, frames in status.undecodable:
        yield undecodable_line(name, frames)
    for failed in status.retried:
        if failed.is_given_up and failed.kind in GIVEN_UP_AS:
            yield f"task {failed.task.task_id}: {GIVEN_UP_AS[failed.kind]}: {failed.reason}"
    yield from _retried(status)
    yield from (f"{name}: asks for a person: {reason}" for name, reason in status.asks_for_person)


def undecodable_line(name: str, frames: Sequence[int]) -> str:
    """What is said of a medium's frames that do not decode."""
    held = f"frames that do not decode, and show the picture before them: {range_text(frames)}"
    there = "in a video that is no copy browsers stop there or show another"
    return f"{name}: {held}; {there}: import it with --reencode always"


def _retried(status: ProjectStatus) -> Iterator[str]:
    """A line per kind and cause of what is tried again by itself."""
    groups: dict[tuple[FailureKind, str], list[FailedTry]] = {}
    for failed in status.retried:
        if not failed.is_given_up:
            groups.setdefault((failed.kind, failed.failures.cause), []).append(failed)
    for (kind, _), group in groups.items():
        yield (
            f"{len(group)} {RETRIED_AS[kind]} tried again later (at once: masklet jobs retry {status.project_id}), "
            f"such as of task {group[0].task.task_id}: {group[0].reason}"
        )


def _percent(part: int, whole: int) -> str:
    """Rounded down: 100 % is all of them."""
    return f"{100 * part // whole if whole else 0} %"
