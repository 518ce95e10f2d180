"""Every command and option that an error, a warning or a hint names exists, and a test runs the command."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import typer.main
from typer.core import TyperCommand, TyperGroup

from backend.interfaces.cli import app

BACKEND = Path(__file__).parents[2] / "backend"
COMMAND = re.compile(r"`masklet ([^`]+)`|\bmasklet ((?:[\w{}./-]+ ?)+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
FOREIGN = {"--python", "--host", "--port", "--name", "--version"}
"""Options of other programs that texts name or that Masklet starts, and of `masklet` itself."""

TESTS = BACKEND.parent / "tests"
RUN_BY = {
    "connect": ("e2e/test_connect.py", 'command("connect", '),
    "crowd status": ("unit/interfaces/test_crowd.py", '"crowd", "status"'),
    "crowd decide": ("unit/interfaces/test_crowd.py", '"crowd", "decide"'),
    "crowd init": ("e2e/test_crowd.py", 'masklet_command("init"'),
    "crowd gold add": ("integration/labelstudio/test_crowd_quality.py", '"crowd", "gold", "add"'),
    "crowd gold list": ("integration/labelstudio/test_crowd_quality.py", '"crowd", "gold", "list"'),
    "crowd gold remove": ("integration/labelstudio/test_crowd_quality.py", '"crowd", "gold", "remove"'),
    "crowd trust": ("integration/labelstudio/test_crowd_quality.py", '"crowd", "trust"'),
    "doctor": ("e2e/test_connect.py", 'command("doctor"'),
    "export": ("e2e/test_player_submit.py", '"export"'),
    "import": ("integration/batch/test_import.py", '"import"'),
    "jobs files": ("unit/interfaces/test_jobs.py", 'run("jobs", "files")'),
    "jobs retry": ("unit/interfaces/test_jobs.py", "run(*shlex.split(command))"),
    "models export": ("unit/interfaces/test_train.py", '"models", "export"'),
    "models rollback": ("unit/interfaces/test_train.py", '"models", "rollback"'),
    "models use": ("unit/interfaces/test_train.py", '"models", "use"'),
    "models pull": ("unit/adapters/sam2/weights/test_download.py", '"models", "pull"'),
    "next": ("integration/stack/test_live_corrections.py", '"next"'),
    "project create": ("e2e/test_connect.py", 'command("project", "create"'),
    "propagate": ("integration/engine/test_propagate_command.py", '"propagate"'),
    "reencode": ("unit/adapters/media/test_remedies.py", "shlex.split(command)"),
    "renew": ("e2e/test_connect.py", 'command("renew"'),
    "report": ("unit/interfaces/test_report.py", '"report"'),
    "train cancel": ("unit/interfaces/test_train.py", '"train", "cancel"'),
    "train start": ("unit/interfaces/test_train.py", '"train", "start"'),
    "train status": ("unit/interfaces/test_train.py", '"train", "status"'),
    "up": ("integration/stack/test_up.py", '"up"'),
    "worker": ("integration/stack/test_up.py", "worker_name(JobKind.PROPAGATE"),  # `up` starts workers by it
}
"""The test that runs each of these commands, and how it names it."""


@functools.cache
def texts() -> tuple[str, ...]:
    return tuple(_texts())


def _texts() -> Iterator[str]:
    """The strings of the program, apart from docstrings; a value in one is X."""
    for path in BACKEND.rglob("*.py"):
        tree = ast.parse(path.read_text())
        statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        apart = {id(node) for node in statements} | {id(part) for node in formatted for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
                yield node.value
        for node in formatted:
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)


def commands_in(group: TyperGroup, above: str = "") -> Iterator[tuple[str, TyperCommand]]:
    """All commands by their words."""
    for name, command in group.commands.items():
        words = f"{above}{name}"
        if isinstance(command, TyperGroup):
            yield from commands_in(command, f"{words} ")
        elif isinstance(command, TyperCommand):
            yield words, command


GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = dict(commands_in(GROUP))


def named_commands() -> set[str]:
    found = (first or second for text in texts() for first, second in COMMAND.findall(text))
    return {command.strip(" .:") for command in found if command != "X"}  # the version


def options_of(command: TyperCommand) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_named_commands_exist_with_their_options() -> None:
    for text in named_commands():
        names = [name for name in COMMANDS if f"{text} ".startswith(f"{name} ")]
        assert names, f"there is no command `masklet {text}`"
        assert set(OPTION.findall(text)) <= options_of(COMMANDS[names[0]]), text


def test_a_test_runs_each_command_that_is_named() -> None:
    named = {name for text in named_commands() for name in COMMANDS if f"{text} ".startswith(f"{name} ")}
    assert named == set(RUN_BY)
    for path, call in RUN_BY.values():
        assert call in (TESTS / path).read_text(), path


def test_named_options_exist() -> None:
    named = {option for text in texts() if not text.startswith(("--", "\n")) for option in OPTION.findall(text)}
    assert {"--overwrite", "--reencode", "--config"} <= named
    assert named - FOREIGN <= set().union(*map(options_of, COMMANDS.values()))
