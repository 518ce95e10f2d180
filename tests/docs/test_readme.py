"""The settings, commands, options and files named in README, DEVELOPING and docs exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "DEVELOPING.md", *sorted((ROOT / "docs").glob("*.md"))]


def described_settings() -> dict[str, tuple[str, str]]:
    """Name -> (default, description) of every setting, in the form of the README's table."""
    rows = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        if hasattr(default, "get_secret_value"):
            default = default.get_secret_value()
        shown = "" if default in (None, "") else f"`{str(default).lower() if default in (True, False) else default}`"
        rows[str(field.validation_alias or f"MASKLET_{name.upper()}")] = (shown, str(field.description))
    return rows


def test_the_table_has_every_setting_and_no_other() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \| (.*?) ?\| (.*?) \|$", README, re.MULTILINE)
    assert {name: (default, text) for name, default, text in table} == described_settings()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_scripts_are_executable(page: Path) -> None:
    named = set(re.findall(r"\./scripts/(\w+)", page.read_text()))
    assert [name for name in sorted(named) if not os.access(ROOT / "scripts" / name, os.X_OK)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linked_files_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_named_masklet_commands_exist() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"(?:^|`)masklet ([a-z]+)", text, re.MULTILINE))
    help_text = subprocess.run(
        [sys.executable, "-m", "backend.interfaces.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = set(re.findall(r"^[│ ]+([a-z]+)  ", help_text, re.MULTILINE))
    assert named
    assert named <= commands


def test_the_named_options_of_the_demo_exist() -> None:
    named = set(re.findall(r"\./scripts/demo[^\n`]*", README))
    options = {option for line in named for option in re.findall(r"--[a-z-]+", line)}
    help_text = subprocess.run(
        [sys.executable, "-P", str(ROOT / "scripts" / "demo_run.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert options <= set(re.findall(r"--[a-z-]+", help_text))
