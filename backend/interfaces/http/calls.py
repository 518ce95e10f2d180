"""What Label Studio sends to /setup, /predict, /webhook and /train, checked field by field.

Each refusal names the field. What lies deeper (regions, label config, task data) belongs to the Label Studio
adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.application.annotation.change_detection import ADOPTED_ACTIONS
from backend.application.annotation.prompt_file import parse_prompts, refuse_masks
from backend.domain.errors import MalformedRequest, TooLarge
from backend.domain.prompts import PromptSet
from backend.domain.replan import Scope
from backend.domain.tasks import TaskKey
from backend.interfaces.labelstudio.annotations import ChangeHint
from backend.interfaces.labelstudio.tasks import MAX_ID, number

MOST_TASKS = 10_000


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
    """One webhook: its action, and its tasks if the action concerns Masklet."""

    action: str
    hints: tuple[ChangeHint, ...]


def webhook_call(document: Mapping[str, object]) -> WebhookCall:
    """Raises MalformedRequest naming the field."""
    action = required_text(document, "action")
    if action not in ADOPTED_ACTIONS:
        return WebhookCall(action, ())
    project = number(_mapping(_present(document, "project"), "project").get("id"), "project.id")
    listed = _present(document, "annotation")
    annotations = listed if isinstance(listed, list) else [listed]
    hints = (_hint(_mapping(annotation, "annotation"), document, project) for annotation in annotations)
    return WebhookCall(action, tuple(dict.fromkeys(hints)))


def _hint(annotation: Mapping[str, object], document: Mapping[str, object], project: int) -> ChangeHint:
    task = annotation.get("task")
    if task is None:
        task = _mapping(document.get("task"), "task").get("id")
    annotation_id = annotation.get("id")
    return ChangeHint(
        TaskKey(project, number(task, "annotation.task")),
        None if annotation_id is None else number(annotation_id, "annotation.id"),
    )


START_TRAINING = "START_TRAINING"
"""The action that Label Studio's button Start Training sends to /webhook."""


def training_call(document: Mapping[str, object]) -> int | None:
    """The project of a START_TRAINING; None for another action. Raises MalformedRequest naming the field."""
    if document.get("action") != START_TRAINING:
        return None
    project = _present(document, "project")
    if isinstance(project, Mapping):
        return number(project.get("id"), "project.id")
    return project_number(document)


def train_call(document: Mapping[str, object]) -> tuple[ChangeHint, ...]:
    """The tasks that a /train call brings annotations of; those without a number are left out."""
    project = project_number(document)
    annotations = document.get("annotations")
    if annotations is None:
        return ()
    if not isinstance(annotations, list):
        raise MalformedRequest("invalid field 'annotations': it must be a list")
    named = (entry.get("task", entry.get("id")) for entry in annotations if isinstance(entry, dict))
    task_ids = dict.fromkeys(task for task in named if type(task) is int and 1 <= task <= MAX_ID)
    return tuple(ChangeHint(TaskKey(project, task_id)) for task_id in task_ids)


@dataclass(frozen=True, slots=True)
class JobCall:
    """One propagation asked for directly."""

    key: TaskKey
    task: dict[str, object]
    label_config: str
    prompts: PromptSet
    scope: Scope = Scope.ONWARD


def job_call(document: Mapping[str, object]) -> JobCall:
    """Raises MalformedRequest naming the field, PromptError naming the place in the prompts."""
    task = number(_present(document, "task"), "task")
    return JobCall(
        TaskKey(project_number(document), task),
        {"id": task, "data": _mapping(_present(document, "data"), "data")},
        required_text(document, "label_config"),
        parse_prompts(_present(document, "prompts"), refuse_masks),
        _scope(document.get("scope")),
    )


def _scope(given: object) -> Scope:
    try:
        return Scope.ONWARD if given is None else Scope(str(given))
    except ValueError:
        raise MalformedRequest(f"invalid field 'scope': it must be among {', '.join(Scope)}") from None


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


def project_number(document: Mapping[str, object]) -> int:
    """The project as a number, given as one or as "ID.TIMESTAMP". Raises MalformedRequest."""
    project = _present(document, "project")
    if isinstance(project, str) and is_project(project):
        return int(project.partition(".")[0])
    return number(project, "project")


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
