"""`masklet doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    project: Annotated[
        int | None, typer.Argument(help="A project's number: fetches the media of its newest task, too.", min=1)
    ] = None,
    *,
    url: Annotated[str | None, typer.Option(help="Masklet's address as Label Studio reaches it.")] = None,
) -> None:
    """Check the disk, store, ledger, queue, checkpoint, device and Label Studio: a line each, with the remedy.

    Whether Label Studio accepts this backend is tried out on a project that is made for it and removed again.
    Exit code 1 if something does not work.
    """
    from backend.bootstrap.container import Container
    from backend.bootstrap.doctor import findings
    from backend.bootstrap.finding import Verdict

    container = Container.from_environment()
    console = Console()
    failed = False
    for finding in findings(container, backend_url=url or container.own_url, project_id=project):
        failed |= finding.verdict is Verdict.FAIL
        line = f"[{STYLES[finding.verdict]}]{finding.verdict:4}[/] {finding.subject}: "
        console.print(line, end="")
        remedy = f" → {finding.remedy}" if finding.remedy else ""
        console.print(f"{finding.sentence}{remedy}", markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
