"""`masklet crowd`: makes the projects of a crowd, and says how its work stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.domain.crowd.routing import MAX_VERIFIERS, ORDER, Checks, Crowd, Decision, Role
from backend.domain.errors import InvalidInput
from backend.domain.tasks import TaskKey
from backend.interfaces.cli.connect import PublicUrl, Url, print_notes
from backend.interfaces.cli.crowd import effort, gold, quality
from backend.interfaces.cli.progress.command_bar import command_bar
from backend.interfaces.cli.progress.durations import duration_text

if TYPE_CHECKING:
    from backend.domain.crowd.routing_status import CrowdStatus

app = typer.Typer(help="Let people check each other: select, track, verify.", no_args_is_help=True)


@app.callback()
def crowd() -> None:
    """Let people check each other: select, track, verify."""


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="The crowd's name; the projects' titles begin with it.")],
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="A label config with the labels; default: label_config/player.xml."),
    ] = None,
    roles: Annotated[str, typer.Option(help="Of select, track and verify, with commas between.")] = ",".join(ORDER),
    verifiers: Annotated[int, typer.Option(help=f"How many people verify an item, 1 to {MAX_VERIFIERS}.")] = 1,
    redos: Annotated[int, typer.Option(help="How often an item is sent back before it stops.")] = 3,
    checks: Annotated[
        Checks, typer.Option(help="Verify all masklets, or of each person a share that falls with the trust in them.")
    ] = Checks.ALL,
    url: Url = "",
    public_url: PublicUrl = "",
) -> None:
    """Make the projects of a crowd, connected to Masklet, which routes work between them.

    The same command again changes nothing, and completes a run that was interrupted.
    """
    from backend.adapters.labelstudio.config.project_configs import template_named
    from backend.application.ports.crowd_ledger import CrowdRecord
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.routing import open_setup

    wanted = Crowd(name, {}, verifiers, redos, checks)
    label_config = template_named("player") if config is None else _text_of(config)
    record = CrowdRecord(wanted, _roles_of(roles), label_config)
    container = Container.from_environment()
    console = Console(soft_wrap=True, highlight=False)
    with command_bar("crowd init"), open_setup(container, url=url, public_url=public_url) as setup:
        made = setup.init(record)
    print_notes(made.notes, console)
    for role, project_id in made.record.crowd.projects.items():
        address = f"{container.label_studio_public_url}/projects/{project_id}/data"
        console.print(f"{role}: project {project_id}, {address}", markup=False)
    first = made.record.roles[0]
    console.print(
        f"Crowd {name!r} is ready. Bring videos in: masklet import FILES --project {made.record.crowd.projects[first]}",
        markup=False,
    )


@app.command()
def status(
    name: Annotated[str, typer.Argument(help="The crowd's name; default: all crowds.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the queues of a crowd: counts, ages, throughput, and what is stuck and why."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.routing import open_statuses

    with command_bar("crowd status"), open_statuses(Container.from_environment()) as statuses:
        found = (statuses.of(name),) if name else statuses.all()
    if as_json:
        print(json.dumps({"crowds": [status_form(each) for each in found]}, indent=2))  # noqa: T201
        return
    console = Console(soft_wrap=True, highlight=False)
    if not found:
        console.print("There is no crowd. Make one: masklet crowd init NAME")
    for each in found:
        _print(each, console)


@app.command()
def decide(
    name: Annotated[str, typer.Argument(help="The crowd's name.")],
    item: Annotated[str, typer.Argument(help="PROJECT/TASK, as crowd status names items.")],
    decision: Annotated[Decision, typer.Argument(help="redo: back to its maker.")],
    *,
    comment: Annotated[str, typer.Option(help="For the person who redoes it.")] = "",
) -> None:
    """Decide of an item as its lead: also of one that was stopped."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.routing import open_decisions

    project, _, task = item.partition("/")
    if not (project.isdecimal() and task.isdecimal()):
        raise InvalidInput(f"{item[:60]!r} is no item: give PROJECT/TASK, as `masklet crowd status` names items")
    with open_decisions(Container.from_environment()) as decisions:
        decisions.decide(name, TaskKey(int(project), int(task)), decision, comment)
    Console(highlight=False).print(f"Item {item}: {decision}.", markup=False)


def status_form(status: CrowdStatus) -> dict[str, object]:
    """A status as JSON."""
    return {
        "name": status.crowd.name,
        "is_ready": status.is_ready,
        "verifiers": status.crowd.verifiers,
        "max_redos": status.crowd.max_redos,
        "checks": str(status.crowd.checks),
        "items": {str(state): count for state, count in status.items.items()},
        "queues": [{**asdict(queue), "per_hour": round(queue.per_hour, 3)} for queue in status.queues],
        "stuck": [
            {**asdict(each), "item": str(each.item), "task": None if each.task is None else str(each.task)}
            for each in status.stuck
        ],
        "stopped": [
            {**asdict(each), "item": str(each.item), "task": None if each.task is None else str(each.task)}
            for each in status.stopped
        ],
        "edited": {"hard": status.hard, "easy": status.easy},
    }


def _print(status: CrowdStatus, console: Console) -> None:
    crowd = status.crowd
    counts = ", ".join(f"{count} {state}" for state, count in sorted(status.items.items())) or "no items"
    unready = "" if status.is_ready else "; not ready: run masklet crowd init again"
    by_trust = ", checked by trust" if crowd.checks is Checks.TRUST else ""
    people = f"{crowd.verifiers} verifier(s), {crowd.max_redos} redo(s){by_trust}"
    console.print(f"Crowd {crowd.name!r}: {counts}; {people}{unready}")
    table = Table("role", "project", "being made", "open", "answered", "oldest", "done", "per hour of the last day")
    for queue in status.queues:
        oldest = "" if queue.oldest_s is None else duration_text(queue.oldest_s)
        figures = (queue.project_id, queue.wanted, queue.open, queue.answered, oldest, queue.done)
        table.add_row(queue.role, *map(str, figures), f"{queue.per_hour:.1f}")
    console.print(table)
    for line in _lines(status):
        console.print(line, markup=False)


def _lines(status: CrowdStatus) -> Iterator[str]:
    for queue in status.queues:
        if queue.problem:
            yield f"problem: {queue.role}: {queue.problem}"
    for stuck in status.stuck:
        place = f"task {stuck.task}" if stuck.task is not None else f"item {stuck.item}, whose task is not made yet"
        after = "" if stuck.next_try_s is None else f"; next try in {duration_text(stuck.next_try_s)}"
        yield f"stuck for {duration_text(stuck.since_s)}: {stuck.role}, {place}: {stuck.reason}{after}"
    for stopped in status.stopped:
        yield f"stopped after {stopped.redos} redo(s): item {stopped.item}, last task {stopped.task}. {stopped.note}"
    if status.stopped:
        yield "Decide what becomes of them: masklet crowd decide NAME ITEM accept, reject or redo"
    if status.hard or status.easy:
        yield f"edited on at least 2 frames: {status.hard} item(s); on fewer: {status.easy}"


def _roles_of(text: str) -> tuple[Role, ...]:
    """The roles in their order. Raises InvalidInput for others than there are."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = next((name for name in names if name not in list(Role)), None)
    if unknown is not None or not names:
        raise InvalidInput(f"--roles takes some of {', '.join(ORDER)} with commas between, not {unknown or text!r}")
    return tuple(role for role in ORDER if role in names)


def _text_of(path: Path) -> str:
    """Raises InvalidInput for a file that cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the label config {path} cannot be read: {error}") from error


quality.add_to(app)
app.command(name="effort")(effort.effort)
app.add_typer(gold.app, name="gold")
