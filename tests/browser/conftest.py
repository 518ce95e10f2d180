"""Fixtures of the page's tests: one Chromium, one Label Studio, one Masklet with the demo checkpoint, short clips."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, ViewportSize, expect, sync_playwright

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import open_ledger
from scripts.browser import FLAGS, chromium_path
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip, prepare_demo_clip
from scripts.demonstration.demo_clip import DEMO_FRAME_RATE, demo_clip
from scripts.demonstration.write_video import write_video
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup
from tests.browser.driving.editor import Editor

TIMEOUT_MS = 180_000
PAGES = 8
STORED = "local_storage,indexeddb,service_workers,cache_storage"
"""What a page keeps in its profile, but for cookies and for what the browser itself keeps."""

WINDOW: ViewportSize = {"width": 1400, "height": 1100}
ENVIRONMENT = {
    "MASKLET_MODEL": "demo",
    # It has the detector that knows the demo's clip.
    "MASKLET_MODEL_DIR": str(Path(__file__).parents[1] / "data"),
    "MASKLET_DEVICE": "cpu",
    # Only the propagations that a test requests run in the background.
    "MASKLET_PROPAGATE_ON_PROMPT": "false",
    "MASKLET_PORT": "19290",
    "MASKLET_PLAYER_SHARED_MASKS": "true",
}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for this folder. While it is open an event loop runs in this thread."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path(shell_first=True), args=list(FLAGS))
        yield running
        running.close()


def log_in(browser: Browser, server: LabelStudioServer) -> Page:
    """A page, in a profile of its own, of the server's first user."""
    opened = browser.new_context(viewport=WINDOW).new_page()
    opened.set_default_timeout(TIMEOUT_MS)
    opened.goto(f"{server.url}/user/login")
    opened.fill("input[name=email]", server.login.username)
    opened.fill("input[name=password]", server.login.password)
    with opened.expect_navigation():
        opened.press("input[name=password]", "Enter")
    return opened


def sign_up(browser: Browser, server: LabelStudioServer, email: str) -> Page:
    """A page, in a profile of its own, of a new user that the server's first user invited."""
    with LabelStudioApi(server.url, server.login.token) as api:
        invitation = api.invitation()
    opened = browser.new_context(viewport=WINDOW).new_page()
    opened.set_default_timeout(TIMEOUT_MS)
    opened.goto(invitation)
    opened.fill("input[name=email]", email)
    opened.fill("input[name=password]", secrets.token_urlsafe(12))
    with opened.expect_navigation():
        opened.press("input[name=password]", "Enter")
    return opened


@pytest.fixture(scope="package")
def page(browser: Browser, label_studio: LabelStudioServer) -> Iterator[Page]:
    """A page of a logged-in user."""
    opened = log_in(browser, label_studio)
    yield opened
    opened.context.close()


@pytest.fixture(scope="package")
def profile(browser: Browser, page: Page) -> Iterator[BrowserContext]:
    """A profile of the logged-in user. Cookies are all it has of `page`."""
    cookies: StorageState = {"cookies": page.context.storage_state()["cookies"], "origins": []}
    context = browser.new_context(viewport=WINDOW, storage_state=cookies)
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


def fresh_page(profile: BrowserContext, server: LabelStudioServer) -> Page:
    """A page as of a fresh profile: no switch is on yet.

    The profile's caches stay, with the compiled scripts of Label Studio's pages: an opening takes a quarter less.
    """
    opened = profile.new_page()
    inspector = profile.new_cdp_session(opened)
    inspector.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": STORED})
    inspector.detach()
    return opened


@pytest.fixture
def label_studio_page(profile: BrowserContext, label_studio: LabelStudioServer) -> Iterator[Page]:
    opened = fresh_page(profile, label_studio)
    yield opened
    opened.close()


@pytest.fixture
def editor(label_studio_page: Page) -> Editor:
    """The task page of an annotator with a fresh profile."""
    return Editor(label_studio_page)


@pytest.fixture(scope="package")
def clip(label_studio: LabelStudioServer) -> Clip:
    return prepare_demo_clip(label_studio.files)


@pytest.fixture(scope="package")
def short(clip: Clip) -> Clip:
    """The clip's first pages and a video of them, for short propagations."""
    video = clip.folder / "short" / "video.mp4"
    video.parent.mkdir(exist_ok=True)
    write_video(demo_clip().frames[:PAGES], video, frame_rate=DEMO_FRAME_RATE)
    assert clip.truth is not None
    return replace(clip, pages=PAGES, truth=clip.truth[:PAGES])


@pytest.fixture(scope="package")
def masklet(label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Masklet]:
    process = MaskletProcess(tmp_path_factory.mktemp("masklet"))
    settings = {**ENVIRONMENT, "MASKLET_LEADS": label_studio.login.username}
    process.launch(label_studio_url=label_studio.url, token=label_studio.login.token, settings=settings)
    model = process.wait()
    ledger = open_ledger(f"sqlite:///{process.data_dir / 'ledger.sqlite'}", SystemClock())
    yield Masklet(process.url, model.version, ledger, process)
    ledger.close()
    process.stop()


@pytest.fixture(scope="package")
def projects(label_studio: LabelStudioServer, masklet: Masklet, short: Clip) -> Iterator[Projects]:
    """Makes projects: title and label config to a project."""
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:

        def make(title: str, label_config: str) -> ProjectSetup:
            project_id = api.ensure_project(title, label_config)
            api.ensure_local_files(project_id, short.folder.parent)
            return ProjectSetup(api, project_id, api.ensure_backend(project_id, masklet.url, masklet.version), short)

        yield make


@pytest.fixture(scope="package")
def frames_project(projects: Projects) -> ProjectSetup:
    return projects("Pages", (CONFIGS / "frames.xml").read_text())
