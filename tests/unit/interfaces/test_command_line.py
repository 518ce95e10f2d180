"""The command line: every module has its command."""

from __future__ import annotations

from pathlib import Path

import backend.interfaces.cli as cli

FOLDER = Path(cli.__file__).parent
NAMES = {"evaluate": "eval"}
"""Commands whose module has another name."""

FOLDERS = {"crowd"}
"""Commands with a folder of modules."""


def test_every_module_has_its_command() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("__")}
    expected = {NAMES.get(name, name).rstrip("_") for name in modules} | FOLDERS
    commands = {each.name or str(getattr(each.callback, "__name__", "")) for each in cli.app.registered_commands}
    assert commands | {str(group.name) for group in cli.app.registered_groups} == expected
