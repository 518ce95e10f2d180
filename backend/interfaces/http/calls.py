"""What Label Studio sends to /setup, /predict, /webhook and /train, checked field by field.

Each refusal names the field. What lies deeper (regions, label config, task data) belongs to the Label Studio
adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.application.prompt_file import parse_prompts, refuse_masks
from backend.application.requests import TaskKey
from backend.domain.errors import MalformedRequest, TooLarge
from backend.domain.prompts import PromptSet
from backend.interfaces.tasks import LARGEST_ID, number

MOST_TASKS = 10_000
ADOPTED_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")


@dataclass(frozen=True, slots=True)
class PredictCall:
    """One /predict. context is None for a batch; project is as Label Studio writes it, "ID.TIMESTAMP", or empty."""

    tasks: list[object]
    project: str
    label_config: str
    context: dict[str, object] | None

    @property
    def is_interactive(self) -> bool:
        return self.context is not None


def predict_call(document: Mapping[str, object]) -> PredictCall:
    """Raises MalformedRequest naming the field, TooLarge for more tasks than are taken at once."""
    tasks = required_list(document, "tasks")
    if len(tasks) > MOST_TASKS:
        raise TooLarge(f"'tasks' holds {len(tasks)} tasks; at most {MOST_TASKS} are taken at once")
    context = _context(document)
    if context is not None and len(tasks) != 1:
        raise MalformedRequest(f"invalid field 'tasks': an interactive call is about one task, not {len(tasks)}")
    return PredictCall(tasks, project_of(document), required_text(document, "label_config"), context)


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One webhook: what happened, and to which tasks if that matters here."""

    action: str
    task_ids: tuple[int, ...]


def webhook_call(document: Mapping[str, object]) -> WebhookCall:
    """Raises MalformedRequest naming the field."""
    action = required_text(document, "action")
    if action not in ADOPTED_ACTIONS:
        return WebhookCall(action, ())
    listed = document.get("task") or document.get("tasks")
    if listed is None:
        listed = {"id": _task_of_annotation(document)}
    tasks = listed if isinstance(listed, list) else [listed]
    return WebhookCall(
        action, tuple(dict.fromkeys(number(_mapping(task, "task").get("id"), "task.id") for task in tasks))
    )


def _task_of_annotation(document: Mapping[str, object]) -> object:
    return _mapping(_present(document, "annotation"), "annotation").get("task")


def annotated_tasks(document: Mapping[str, object]) -> tuple[int, ...]:
    """The tasks that a /train call brings annotations of; those without a number are left out."""
    annotations = document.get("annotations")
    if annotations is None:
        return ()
    if not isinstance(annotations, list):
        raise MalformedRequest("invalid field 'annotations': it must be a list")
    named = (entry.get("task", entry.get("id")) for entry in annotations if isinstance(entry, dict))
    return tuple(dict.fromkeys(task_id for task_id in named if type(task_id) is int and 1 <= task_id <= LARGEST_ID))


@dataclass(frozen=True, slots=True)
class JobCall:
    """One propagation asked for directly."""

    key: TaskKey
    task: dict[str, object]
    label_config: str
    prompts: PromptSet


def job_call(document: Mapping[str, object]) -> JobCall:
    """Raises MalformedRequest naming the field, PromptError naming the place in the prompts."""
    project, task = _present(document, "project"), _present(document, "task")
    if isinstance(project, str) and is_project(project):
        project = int(project.partition(".")[0])
    return JobCall(
        TaskKey(number(project, "project"), number(task, "task")),
        {"id": task, "data": _mapping(_present(document, "data"), "data")},
        required_text(document, "label_config"),
        parse_prompts(_present(document, "prompts"), refuse_masks),
    )


def _context(document: Mapping[str, object]) -> dict[str, object] | None:
    params = document.get("params")
    if params is None:
        return None
    if not isinstance(params, dict):
        raise MalformedRequest("invalid field 'params': it must be an object")
    context = params.get("context")
    if context is None or context == {}:
        return None
    if not isinstance(context, dict):
        raise MalformedRequest("invalid field 'params.context': it must be an object or null")
    result = context.get("result")
    if not isinstance(result, list):
        raise MalformedRequest("invalid field 'params.context.result': it must be a list of regions")
    if not result:
        raise MalformedRequest("invalid field 'params.context.result': an interactive call without prompts")
    return context


def project_of(document: Mapping[str, object], *, needed: bool = False) -> str:
    """The 'project' field, "ID.TIMESTAMP"; empty where it is absent and not needed.

    Raises MalformedRequest for anything else.
    """
    if "project" not in document and not needed:
        return ""
    project = document.get("project")
    if not isinstance(project, str) or not is_project(project):
        raise MalformedRequest("invalid field 'project': it must be Label Studio's project, \"ID.TIMESTAMP\"")
    return project


def is_project(project: str) -> bool:
    number, dot, stamp = project.partition(".")
    return all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in (number, stamp)) and bool(dot)


def required_list(document: Mapping[str, object], name: str) -> list[object]:
    value = _present(document, name)
    if not isinstance(value, list):
        raise MalformedRequest(f"invalid field '{name}': it must be a list")
    return value


def required_text(document: Mapping[str, object], name: str) -> str:
    value = _present(document, name)
    if not isinstance(value, str):
        raise MalformedRequest(f"invalid field '{name}': it must be text")
    return value


def _mapping(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedRequest(f"invalid field '{name}': it must be an object")
    return value


def _present(document: Mapping[str, object], name: str) -> object:
    if name not in document:
        raise MalformedRequest(f"invalid field '{name}': it is missing")
    return document[name]
