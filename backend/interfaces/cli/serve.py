"""`masklet serve`: the web process alone."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.codecs.imports import imports_for_good


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: MASKLET_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: MASKLET_PORT.")] = None,
) -> None:
    """Answer Label Studio. Needs a queue (REDIS_URL, or a running `masklet up`) and workers to compute masks."""
    with imports_for_good():
        from backend.bootstrap.container import Container, keep_files_private
        from backend.bootstrap.heartbeat import beating, web_name, work_bound_s
        from backend.bootstrap.monitoring.log_setup import set_up_logging
        from backend.bootstrap.web import build_web
        from backend.interfaces.http.app import create_app
        from backend.interfaces.http.connections import serve_app
        from backend.interfaces.safe_binding import require_safe_binding

    container = Container.from_environment(host=host, port=port)
    settings = container.settings
    require_safe_binding(settings.host, has_password=bool(settings.basic_auth_pass.get_secret_value()))
    keep_files_private()
    set_up_logging(settings)
    with beating(container, web_name(settings.port)) as heartbeat:
        app = create_app(build_web(container))
        heartbeat.allow(work_bound_s(container))
        serve_app(app, host=settings.host, port=settings.port)
