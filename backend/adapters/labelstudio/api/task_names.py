"""The names of tasks' videos in exports."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backend.application.exports.naming import clip_name, name_of_address

ADDRESS = re.compile(r"/|[a-z0-9-]+://")
"""The begin of an address, as no clip's name begins."""


def name_of_task(task_id: int, data: Mapping[str, object]) -> str:
    """The task's `clip` or `name`, or that of its import, or its media's file name, or "task-" and its id."""
    for value in (data.get("clip"), data.get("name"), _imported(data.get("masklet"))):
        if isinstance(value, str) and value.strip() and not ADDRESS.match(value):
            return clip_name(value)
    for value in data.values():
        found = name_of_address(value) if isinstance(value, str) else ""
        if found:
            return found
    return f"task-{task_id}"


def _imported(facts: object) -> str:
    """The clip's name by what an import wrote: a label config may have the field `clip` for the address."""
    if not isinstance(facts, Mapping) or not isinstance(facts.get("video"), str):
        return ""
    number, count = facts.get("segment"), facts.get("segments")
    if not isinstance(number, int) or not isinstance(count, int) or count <= 1:
        return str(facts["video"])
    return f"{facts['video']} [{number:0{len(str(count))}d}/{count}]"
