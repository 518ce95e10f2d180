"""Fields of new tasks' data beside those that an import makes itself: from --data and from the columns of lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backend.domain.errors import InvalidInput

MADE = ("clip", "fps", "masklet")
"""The fields that every import makes, beside that of the media."""


@dataclass(frozen=True, slots=True)
class GivenFields:
    """values: by field, for every task. label_fields: the fields that the label config takes labels from."""

    values: Mapping[str, object] = field(default_factory=dict)
    label_fields: frozenset[str] = frozenset()

    def joined(self, columns: Mapping[str, object]) -> dict[str, object]:
        """The fields of one task. columns: of its row in a list, which have precedence.

        A text in a field of labels is their names, with commas between.
        """
        fields = {**self.values, **columns}
        return {name: _labels(value) if name in self.label_fields else value for name, value in fields.items()}


def parse_fields(texts: Iterable[str], taken: Iterable[str]) -> dict[str, object]:
    """The fields of options NAME=VALUE. A value that begins as a JSON list or object is read as such.

    taken: the fields of the media. Raises InvalidInput.
    """
    fields: dict[str, object] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals:
            raise InvalidInput(f"--data {text!r} must be NAME=VALUE, such as --data caption=morning")
        if name in {*MADE, *taken}:
            raise InvalidInput(f"--data {name}: the import makes this field itself; leave it out")
        fields[name] = _value(name, value)
    return fields


def has_field(data: Mapping[str, object], name: str) -> bool:
    """Whether the data have a field. A dot names a nested object, unless the data have the dotted name itself."""
    first, dot, rest = name.partition(".")
    inner = data.get(first)
    return name in data or bool(dot and isinstance(inner, Mapping) and has_field(inner, rest))


def put_field(data: dict[str, object], name: str, value: object) -> None:
    """Sets a dotted field, nested, as the page reads it."""
    first, dot, rest = name.partition(".")
    if not dot:
        data[name] = value
        return
    inner = data.setdefault(first, {})
    if isinstance(inner, dict):
        put_field(inner, rest, value)


def _value(name: str, text: str) -> object:
    if text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"--data {name}: {text[:60]!r} begins as JSON and is none: {error}") from error


def _labels(value: object) -> object:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list):
        return value
    entries = ({"value": name.strip()} if isinstance(name, str) else name for name in names)
    return [entry for entry in entries if entry != {"value": ""}]
