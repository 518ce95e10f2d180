"""Files with the names of classes: lines of text, YAML or JSON.

Owns these forms: a name a line (classes.txt, labels.txt), `names` of a data.yaml as a list or by number, and
`notes.classes` of an export's manifest.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from backend.domain.errors import InvalidInput

LARGEST_FILE_BYTES = 16 * 2**20
PARSED = frozenset((".yaml", ".yml", ".json"))


def read_class_names(path: Path) -> dict[int, str]:
    """Number -> name, ascending. Names of a list and of lines are numbered from 0; empty ones are left out.

    Raises InvalidInput naming the file and the fault: no names at all, a name twice, a number that is none.
    """
    text = _text(path)
    found = _parsed(path, text) if path.suffix.lower() in PARSED else dict(enumerate(text.splitlines()))
    names = {number: name.strip() for number, name in sorted(found.items()) if name.strip()}
    if not names:
        raise InvalidInput(f"{path} names no classes; it takes a name a line, or names: in YAML")
    repeated = [name for name in names.values() if list(names.values()).count(name) > 1]
    if repeated:
        raise InvalidInput(f"{path} names the class {repeated[0]!r} twice")
    return names


def _parsed(path: Path, text: str) -> dict[int, str]:
    document = _document(path, text)
    notes = document.get("notes") if isinstance(document, Mapping) else None
    names = document.get("names") if isinstance(document, Mapping) else None
    if names is None and isinstance(notes, Mapping):
        names = notes.get("classes")
    if isinstance(names, list):
        return {number: _name(path, name) for number, name in enumerate(names)}
    if isinstance(names, Mapping):
        return {_number(path, number): _name(path, name) for number, name in names.items()}
    raise InvalidInput(f"{path} has no entry names: (or notes.classes, of an export), with a list or numbers and names")


def _document(path: Path, text: str) -> object:
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text)
        # Everything stays a string: a class may be called no, 1e3 or 2024-01-01.
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise InvalidInput(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be parsed: {error}") from error


def _number(path: Path, text: object) -> int:
    if not isinstance(text, str) or not text.isdecimal():
        raise InvalidInput(f"{path}: the number of a class is a whole number from 0, got {str(text)[:40]!r}")
    return int(text)


def _name(path: Path, name: object) -> str:
    if not isinstance(name, str):
        raise InvalidInput(f"{path}: the name of a class is a text, not {type(name).__name__}")
    return name


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InvalidInput(f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text") from error
