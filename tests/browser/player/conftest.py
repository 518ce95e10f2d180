"""The pages' modules in Chromium, each by itself: served as Masklet serves them, without tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page

from backend.interfaces.http.lead.routes import FOLDER as LEAD_FOLDER
from backend.interfaces.http.player.page import install_files, install_page, policy
from tests.browser.player.server import StreamServer

Js = Any
"""A value that JavaScript returned."""

EMPTY = "<!doctype html><title>Modules</title><main></main>"
LONGEST_START_S = 60.0


@dataclass(frozen=True)
class Modules:
    """A page under the player's content security policy that loads modules of the player."""

    page: Page
    streams: StreamServer

    def run(self, body: str, argument: object = None) -> Js:
        """The value that a function's body returns. It has `load(PATH)`, which loads a module, and `argument`."""
        load = "const load = path => import('/player/static/' + path);"
        return self.page.evaluate(f"async argument => {{ {load} {body} }}", argument)


@pytest.fixture(scope="package")
def streams() -> StreamServer:
    return StreamServer()


@pytest.fixture(scope="package")
def module_server(streams: StreamServer) -> Iterator[str]:
    app = FastAPI()
    install_page(app, label_studio_url="")
    install_files(app, "/lead", LEAD_FOLDER, policy(""))
    headers = {"Content-Security-Policy": policy("")}
    app.add_api_route("/modules", lambda: HTMLResponse(EMPTY, headers=headers), methods=["GET"])
    app.add_api_route("/stream", streams.answer, methods=["GET"])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    give_up_s = time.monotonic() + LONGEST_START_S
    while not server.started and time.monotonic() < give_up_s:
        time.sleep(0.02)
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def modules(browser: Browser, module_server: str, streams: StreamServer) -> Iterator[Modules]:
    streams.reset()
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{module_server}/modules")
    yield Modules(page, streams)
    page.close()
    assert faults == []
