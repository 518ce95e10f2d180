"""The fields of a task's data that a label config shows, and those without which Label Studio makes no task."""

from __future__ import annotations

import re

from backend.adapters.labelstudio.config.label_config import DATA_KEY, ControlKind, parse_config
from backend.application.crowd.routing.ports import STEP_FIELD

FIELD = re.compile(r"\$(\w+)")
"""A field within a `value`, as Label Studio's page replaces it there."""

LABELLING = frozenset(kind for kind in ControlKind if kind.endswith("labels"))


def shown_fields(label_config: str) -> frozenset[str]:
    """The names of the fields in the values of all tags. Raises LabelConfigError."""
    values = (tag.get("value") or "" for tag in parse_config(label_config).iter())
    return frozenset(name for value in values for name in FIELD.findall(value))


def needed_fields(label_config: str) -> dict[str, str]:
    """The fields that every task's data must have, each with the tag that takes it. Raises LabelConfigError.

    As Label Studio checks new tasks: the first field in the value of each tag with a name. Dots are of nested objects.
    """
    found: dict[str, str] = {}
    for tag in parse_config(label_config).iter():
        value = (tag.get("valueList") or tag.get("value") or "").strip()
        field = _first_field(value)
        if field and tag.get("name"):
            found.setdefault(field, f"<{tag.tag} name={tag.attrib['name']!r}>")
    return found


def step_key(label_config: str) -> str | None:
    """The field by which a crowd's player finds a task, if the config has it. Raises LabelConfigError."""
    return STEP_FIELD if STEP_FIELD in needed_fields(label_config) else None


def label_fields(label_config: str) -> frozenset[str]:
    """The fields that controls take labels from (value="$classes"). Raises LabelConfigError."""
    tags = (tag for tag in parse_config(label_config).iter() if isinstance(tag.tag, str))
    keys = (DATA_KEY.fullmatch((tag.get("value") or "").strip()) for tag in tags if tag.tag.lower() in LABELLING)
    return frozenset(key[1] for key in keys if key)


def _first_field(value: str) -> str:
    """The field of a value `$name`, or the first one within a text; of a repeated tag (`$pages[{{i}}]`) the list's."""
    if value.startswith("$") and len(value) > 1 and not value.startswith("$undefined$"):
        return value[1:].partition("[")[0]
    found = FIELD.search(value)
    return found[1] if found else ""
