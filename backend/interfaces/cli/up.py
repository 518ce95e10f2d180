"""`masklet up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def up(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: MASKLET_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, or the next free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder; default: MASKLET_DATA_DIR.")] = None,
) -> None:
    """Start the queue server, the web process and the workers, and keep them running.

    Prints `ready URL` once everything answers; DATA_DIR/run.json then holds the address and the process ids.
    """
    from backend.bootstrap.container import Container, keep_files_private
    from backend.bootstrap.monitoring.log_setup import set_up_logging
    from backend.bootstrap.stack import start_stack, stop_on_signals
    from backend.domain.jobs import DEMO_NOTICE, FETCH_A_REAL_ONE
    from backend.interfaces.safe_binding import require_safe_binding

    container = Container.from_environment(host=host, port=port, data_dir=data_dir)
    settings = container.settings
    require_safe_binding(settings.host, has_password=bool(settings.basic_auth_pass.get_secret_value()))
    keep_files_private()
    set_up_logging(settings)
    should_stop = stop_on_signals()
    stack = start_stack(container, should_stop)
    Console().print(f"ready {stack.url}", highlight=False, soft_wrap=True)
    model = container.model_announcement.announced()
    if model is not None and model.is_demo:
        hint = FETCH_A_REAL_ONE if data_dir is None else FETCH_A_REAL_ONE.replace("pull", f"pull --data-dir {data_dir}")
        Console(stderr=True).print(f"{DEMO_NOTICE} {hint}", markup=False, highlight=False, soft_wrap=True)
    stack.run(should_stop)
