"""Tasks as Label Studio sends them, made into canvases: which task, whose prompts, where its frames are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.adapters.labelstudio.config.label_config import Binding, read_binding, with_rate
from backend.adapters.labelstudio.reading.task import media_of_task, user_of_drafts
from backend.application.annotation.annotation_service import UserTask
from backend.domain.errors import MalformedRequest, NotAllowed, PromptError
from backend.domain.tasks import TaskKey

LARGEST_ID = 2**31 - 1
"""Label Studio numbers tasks and projects with 32-bit integers."""


def task_key(task: Mapping[str, object], *, project_id: int | None) -> TaskKey:
    """Which task this is. project_id: what the request says; None takes the task's word, 0 if it says nothing.

    Raises MalformedRequest naming the field, NotAllowed if the task says that it is another project's.
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
    """Raises LabelConfigError, or MalformedRequest naming the field of the task's data that is missing.

    A frame rate that the config takes from the task's data is written into it, for who has the config without the task.
    """
    data = task.get("data")
    label_config = with_rate(label_config, data if isinstance(data, Mapping) else {})
    binding = read_binding(label_config)
    return UserTask(key, media_of_task(task, binding), label_config, model_version, user_of_drafts(task))


def number(value: object, where: str) -> int:
    """One of Label Studio's numbers. Raises MalformedRequest."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_ID:
        raise MalformedRequest(f"invalid field '{where}': it must be a positive whole number")
    return value


def require_labels(labels: Iterable[str], binding: Binding) -> None:
    """Raises PromptError for a label that the config has not."""
    for label in labels:
        if label not in binding.labels:
            raise PromptError(f"label {label[:60]!r} is not in the label config; it has {', '.join(binding.labels)}")
