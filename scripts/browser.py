"""The browser of tests and benchmarks: Chromium with windows, or without them (the headless shell)."""

from __future__ import annotations

import os
import shutil

from backend.domain.errors import InvalidInput

PROGRAM = "MASKLET_CHROMIUM"
"""The environment variable with the path of another one."""

SHELL = "chromium-headless-shell"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def chromium_path(*, shell_first: bool = False) -> str:
    """The browser's path. Raises InvalidInput if there is none.

    People use the one with windows, so it is measured where it is installed. shell_first: the headless shell is; its
    profiles and pages take much less.
    """
    names = (SHELL, *CHROMIUM) if shell_first else (*CHROMIUM, SHELL)
    for name in (os.environ.get(PROGRAM, ""), *names):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise InvalidInput("Chromium is not installed: run ./scripts/setup --browser")
