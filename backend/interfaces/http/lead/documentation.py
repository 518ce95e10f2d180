"""What the OpenAPI document says of the lead's calls that answer as JSON or CSV."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from backend.interfaces.http.lead.schemas import LeadTaskList
from backend.interfaces.http.player.documentation import described

_AS = {"name": "as", "in": "query", "description": "json or csv.", "schema": {"type": "string", "default": "json"}}
_FILTER = (
    ("state", "States, with commas between."),
    ("verdict", "What counts for the task: verdicts, outdated or none, with commas between."),
    ("label", "Tasks with an object of this label."),
    ("person", "Tasks with work of this person."),
    ("uncertainty_from", "The least uncertainty, 0 to 1."),
    ("agreement_to", "The largest agreement, 0 to 1."),
    ("text", "A part of the name, or of the number."),
    ("order", "number, name, uncertainty (the largest first), agreement (the least first) or newest."),
    ("page", "From 1."),
    ("page_size", "At most 200."),
)


def tabled(summary: str, answer: type[BaseModel]) -> dict[str, Any]:
    """Arguments of add_api_route for a call that shows a table, as JSON, or with `as=csv` as CSV."""
    made = described(summary, answer, changes=False)
    made["responses"][200]["content"]["text/csv"] = {"schema": {"type": "string"}}
    fields = [_parameter(*field) for field in _FILTER] if answer is LeadTaskList else []
    made["openapi_extra"] = {"parameters": [_AS, *fields]}
    return made


def _parameter(name: str, description: str) -> dict[str, object]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}
