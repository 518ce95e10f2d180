"""The web server of the benchmark: the inputs as they are, below /files/, and the media that Masklet serves."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from backend.adapters.media.serving.addresses import PREFIX
from backend.adapters.media.serving.service import MediaService
from backend.domain.errors import MaskletError

FILES = "/files/"


@contextmanager
def serving(files: Path, media: MediaService) -> Iterator[str]:
    """Serves on a free port while the block runs; yields the server's address."""
    server = uvicorn.Server(uvicorn.Config(_app(files, media), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise OSError("the benchmark's server does not start")
        time.sleep(0.01)
    try:
        (socket,) = server.servers[0].sockets
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def file_address(path: Path, files: Path) -> str:
    """The address of a file of the folder, without the server's."""
    return FILES + quote(os.fsencode(path.relative_to(files)))


def _app(files: Path, media: MediaService) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>inputs</title>")

    @app.api_route(FILES + "{name:path}", methods=["GET", "HEAD"])
    def file(name: str) -> Response:
        path = files / name
        return FileResponse(path) if path.is_file() else Response(status_code=404)

    @app.api_route(PREFIX + "{rest:path}", methods=["GET", "HEAD"])
    def medium(rest: str) -> Response:
        try:
            served = media.serve(media.grant(PREFIX + rest))
        except MaskletError as error:
            return Response(str(error), status_code=422)
        if served.path is not None:
            return FileResponse(served.path, media_type=served.media_type)
        return Response(served.body, media_type=served.media_type)

    return app
