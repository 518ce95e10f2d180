"""`masklet probe`: the liveness probe of a container."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console


def probe(
    *,
    url: Annotated[str, typer.Option(help="An address that must answer, too, such as the /health of serve.")] = "",
    kill: Annotated[bool, typer.Option("--kill", help="Kill a process that hangs, to have it started again.")] = False,
) -> None:
    """Say whether Masklet's processes on this host make progress. Exit code 1 if one hangs, or none runs."""
    from backend.bootstrap.heartbeat import probe_data_folder

    names = probe_data_folder(url=url, kills=kill)
    Console().print(f"in progress: {', '.join(names)}", highlight=False, soft_wrap=True)
