"""`masklet worker KIND`: one worker process with the model resident, on one queue."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.domain.jobs import JobKind


def worker(
    kind: Annotated[JobKind, typer.Argument(help="Which queue to work on.")],
    *,
    name: Annotated[str | None, typer.Option(help="The worker's name; default: kind, host and process id.")] = None,
) -> None:
    """Run the jobs of one queue until stopped. SIGTERM ends it at the next frame; the job is queued again."""
    from backend.bootstrap.container import Container, keep_files_private, set_up_logging
    from backend.bootstrap.worker import run_worker

    container = Container.from_environment()
    keep_files_private()
    set_up_logging(container.settings)
    run_worker(container, kind, name)
