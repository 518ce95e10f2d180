"""A label config with what it takes from a task's data: the frame rate, and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import quoteattr

from backend.adapters.labelstudio.config.label_config import DEFAULT_FRAMERATE

RATE = re.compile(r"""(\bframe[rR]ate\s*=\s*)(["'])\$([^\s,$"']+)\2""")
LABELS_TAG = re.compile(r"""<(\w*Labels)\b((?:[^<>"']|"[^"]*"|'[^']*')*?)(/?)>""")
VALUE = re.compile(r"""\bvalue\s*=\s*(["'])\$([^\s,$"']+)\1""")
MOST_LABELS = 1_000


def with_task_data(label_config: str, data: Mapping[str, object]) -> str:
    """The config with the frame rate (framerate="$fps") and the labels (value="$classes") of the task's data.

    The rate is read as the page reads it: a number, or DEFAULT_FRAMERATE where the data has none. Labels are a list of
    objects with a `value`, or of texts; at most MOST_LABELS of a tag are read.
    """
    filled = RATE.sub(lambda found: f'{found[1]}"{_rate(_value_in(data, found[3])):.17g}"', label_config)
    return LABELS_TAG.sub(lambda found: _with_labels(found, data), filled)


def _with_labels(tag: re.Match[str], data: Mapping[str, object]) -> str:
    name, attributes, is_empty = tag[1], tag[2], bool(tag[3])
    key = VALUE.search(attributes)
    labels = "" if key is None else "".join(_labels(_value_in(data, key[2])))
    if not labels:
        return tag[0]
    return f"<{name}{attributes}>{labels}" + (f"</{name}>" if is_empty else "")


def _labels(listed: object) -> Iterator[str]:
    for entry in listed[:MOST_LABELS] if isinstance(listed, list) else ():
        fields = entry if isinstance(entry, Mapping) else {"value": entry}
        given = {name: fields.get(name) for name in ("value", "alias")}
        texts = {name: text for name, text in given.items() if isinstance(text, str) and text}
        if "value" in texts:
            yield f"<Label {' '.join(f'{name}={quoteattr(text)}' for name, text in texts.items())}/>"


def _value_in(data: Mapping[str, object], key: str) -> object:
    value: object = data
    for part in [key] if key in data else key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _rate(value: object) -> float:
    try:
        rate = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        rate = 0.0
    rate = 1 / rate if 0 < rate < 1 else rate
    return rate if rate >= 1 else DEFAULT_FRAMERATE
