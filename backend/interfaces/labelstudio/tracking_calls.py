"""`context.event` calls in /predict bodies; checks the fields that all events share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.errors import MalformedRequest
from backend.interfaces.http.calls import project_of, required_list, required_text

EVENTS = ("capabilities", "prewarm", "predict", "track", "track_progress", "track_cancel", "release")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EventCall:
    """One call. task: None if the client sent none."""

    event: str
    context: Json
    task: Json | None
    project: str
    label_config: str


def event_call(document: Json) -> EventCall | None:
    """The call in a /predict body; None for Label Studio's own bodies. Raises MalformedRequest naming the field.

    A context with `frame` or `time_ms` and no event counts as the event "predict": Label Studio sends neither.
    """
    params = document.get("params")
    context = params.get("context") if isinstance(params, Mapping) else None
    if not isinstance(context, Mapping):
        return None
    event = context.get("event")
    if event is None:
        if "frame" not in context and "time_ms" not in context:
            return None
        event = "predict"
    if not isinstance(event, str) or event not in EVENTS:
        raise MalformedRequest(f"invalid field 'params.context.event': it must be one of {', '.join(EVENTS)}")
    tasks = required_list(document, "tasks")
    task = tasks[0] if tasks else None
    if task is not None and not isinstance(task, Mapping):
        raise MalformedRequest("invalid field 'tasks[0]': it must be an object")
    return EventCall(event, context, task, project_of(document), required_text(document, "label_config"))
