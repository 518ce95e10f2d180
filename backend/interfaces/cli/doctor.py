"""`masklet doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    *, url: Annotated[str | None, typer.Option(help="Masklet's address as Label Studio reaches it.")] = None
) -> None:
    """Check the disk, ledger, queue, checkpoint, device and Label Studio: a line each, with the remedy.

    Whether Label Studio accepts this backend is tried out on a project that is made for it and removed again.
    Exit code 1 if something does not work.
    """
    from backend.bootstrap.container import load_settings
    from backend.bootstrap.doctor import Verdict, findings

    settings = load_settings()
    console = Console()
    failed = False
    for finding in findings(settings, backend_url=url or f"http://{settings.host}:{settings.port}"):
        failed |= finding.verdict is Verdict.FAIL
        line = f"[{STYLES[finding.verdict]}]{finding.verdict:4}[/] {finding.subject}: "
        console.print(line, end="")
        remedy = f" → {finding.remedy}" if finding.remedy else ""
        console.print(f"{finding.sentence}{remedy}", markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
