"""The fields of a task's data that a label config shows."""

from __future__ import annotations

import re

from backend.adapters.labelstudio.config.label_config import parse_config

FIELD = re.compile(r"\$(\w+)")
"""A field within a `value`, as Label Studio's page replaces it there."""


def shown_fields(label_config: str) -> frozenset[str]:
    """The names of the fields in the values of all tags. Raises LabelConfigError."""
    values = (tag.get("value") or "" for tag in parse_config(label_config).iter())
    return frozenset(name for value in values for name in FIELD.findall(value))
