"""User tasks of the tasks in Label Studio's requests: task key, media, label config and user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.task import media_of_task, user_of_drafts
from backend.application.annotation.annotation_service import UserTask
from backend.domain.errors import MalformedRequest, NotAllowed, PromptError
from backend.domain.tasks import TaskKey

MAX_ID = 2**31 - 1
"""The largest id: Label Studio's ids are 32-bit integers."""


def task_key(task: Mapping[str, object], *, project_id: int | None) -> TaskKey:
    """The task's key. project_id: the request's; None takes the task's own, 0 if it has none.

    Raises MalformedRequest naming the field, NotAllowed if the task names another project.
    """
    task_id = number(task.get("id"), "task.id")
    own = task.get("project")
    if own is None:
        return TaskKey(project_id or 0, task_id)
    own_id = number(own, "task.project")
    if project_id is not None and own_id != project_id:
        raise NotAllowed(f"task {task_id} is of project {own_id}, not of project {project_id}")
    return TaskKey(own_id, task_id)


def user_task_of(task: Mapping[str, object], key: TaskKey, *, label_config: str, model_version: str) -> UserTask:
    """The user task. What the config takes from the task's data is written into its label config.

    Raises LabelConfigError, or MalformedRequest naming the missing field of the task's data.
    """
    data = task.get("data")
    label_config = with_task_data(label_config, data if isinstance(data, Mapping) else {})
    binding = read_binding(label_config)
    return UserTask(
        key, media_of_task(task, binding, task_id=key.task_id), label_config, model_version, user_of_drafts(task)
    )


def number(value: object, where: str) -> int:
    """An id of Label Studio, 1 to MAX_ID. Raises MalformedRequest."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ID:
        raise MalformedRequest(f"invalid field '{where}': it must be a positive whole number")
    return value


def require_labels(labels: Iterable[str], binding: Binding) -> None:
    """Raises PromptError for a label that is not in the config."""
    for label in labels:
        if label not in binding.labels:
            raise PromptError(f"label {label[:60]!r} is not in the label config; it has {', '.join(binding.labels)}")
