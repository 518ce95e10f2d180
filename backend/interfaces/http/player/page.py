"""The player's page: one HTML file, its modules and styles, and the policy under which a browser runs them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, Response
from starlette.requests import Request
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
LOOPBACK = ("localhost", "127.0.0.1")
OF_FILES = ("content-length", "accept-ranges")
"""Headers of an answer that is sent in parts."""


class PageFiles(StaticFiles):
    """Files of a page; a browser asks each time whether they changed.

    They are small and many: each is read at once, and not by a thread in parts.
    """

    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        super().__init__(directory=folder)
        self._headers = headers

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        try:
            full_path, found = self.lookup_path(path)  # a look into a small folder takes less than a thread's start
        except (OSError, ValueError):  # a name that no file can have
            raise HTTPException(404) from None
        if found is None or not stat.S_ISREG(found.st_mode):
            raise HTTPException(404)
        return self.file_response(full_path, found, scope)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        if not isinstance(response, FileResponse):
            return response
        headers = {name: value for name, value in response.headers.items() if name not in OF_FILES}
        return Response(Path(full_path).read_bytes(), status_code, headers)


def install_page(app: FastAPI, *, label_studio_url: str) -> None:
    """Serves `/player` and `/player/static/...`. label_studio_url: the only other origin that may frame the page."""
    install_files(app, "/player", FOLDER, policy(label_studio_url))


def install_files(app: FastAPI, path: str, folder: Path, content_policy: str) -> None:
    """Serves a page and its files below `path`/static. folder: with its index.html."""
    headers = {
        "Content-Security-Policy": content_policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    files = PageFiles(folder, headers)

    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app.add_api_route(path, page, methods=["GET"], response_class=Response, include_in_schema=False)
    app.mount(f"{path}/static", files, name=f"{path.strip('/')}-files")


def policy(label_studio_url: str) -> str:
    """The content security policy. A loopback Label Studio counts under both loopback names."""
    framing = " ".join(["'self'", *_origins(label_studio_url)])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {framing}"
    )


def _origins(url: str) -> list[str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return []
    port = "" if parts.port is None else f":{parts.port}"
    hosts = (
        LOOPBACK
        if parts.hostname in LOOPBACK
        else (f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,)
    )
    return [f"{parts.scheme}://{host}{port}" for host in hosts]
