"""Every command and option that an error, a warning or a hint names exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from backend.interfaces.cli import app

BACKEND = Path(__file__).parents[2] / "backend"
COMMAND = re.compile(r"`masklet ([^`]+)`|\bmasklet ((?:[\w{}./-]+ ?)+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
FOREIGN = {"--python", "--host", "--port", "--name", "--version"}
"""Options of other programs that texts name or that Masklet starts, and of `masklet` itself."""


def texts() -> Iterator[str]:
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


@pytest.mark.parametrize("text", sorted(named_commands()))
def test_a_named_command_exists_with_its_options(text: str) -> None:
    names = [name for name in COMMANDS if f"{text} ".startswith(f"{name} ")]
    assert names, f"there is no command `masklet {text}`"
    command = COMMANDS[names[0]]
    assert set(OPTION.findall(text)) <= options_of(command)


def test_named_options_exist() -> None:
    named = {option for text in texts() if not text.startswith(("--", "\n")) for option in OPTION.findall(text)}
    assert {"--overwrite", "--reencode", "--config"} <= named
    assert named - FOREIGN <= set().union(*map(options_of, COMMANDS.values()))
