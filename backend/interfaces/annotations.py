"""Annotations that people submitted, taken as the truth to go on from.

What was submitted is read from Label Studio, never from whoever says that something was. Of an annotation only what
a person changed is news: masks that merely repeat ours confirm them. Objects that the person removed are dropped.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.binding import read_binding
from backend.adapters.labelstudio.context import prompts_of_annotation
from backend.adapters.labelstudio.fields import as_list, as_object
from backend.application.carry import newest_run
from backend.application.desk import Canvas, Desk
from backend.application.ports import ModelDirectory, TaskReader
from backend.application.requests import Job
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.prompts import PromptSet
from backend.interfaces.tasks import canvas_of, task_key

logger = logging.getLogger(__name__)

AUTHOR = re.compile(r"(\S+@\S+), [0-9]+$")
"""How an annotation's created_username ends; drafts name the same person by the address alone."""


@dataclass(frozen=True, slots=True)
class Adopter:
    """Reads submitted annotations and hands their prompts to the desk."""

    desk: Desk
    tasks: TaskReader
    models: ModelDirectory

    def adopt_all(self, task_ids: Iterable[int]) -> None:
        """Adopt each task's newest annotation; a task that fails is logged and does not stop the others."""
        for task_id in task_ids:
            try:
                self.adopt(task_id)
            except MaskletError as error:
                logger.warning("task %d is not adopted: %s: %s", task_id, type(error).__name__, error)
            except Exception:  # a hint's surprise must not end the process's background work
                logger.exception("task %d is not adopted", task_id)

    def adopt(self, task_id: int) -> Job | None:
        """Propagate from the task's newest annotation; None if it says nothing new.

        Raises what Label Studio, the label config or the annotation gives reason for.
        """
        task = self.tasks.task(task_id)
        key = task_key(task, project_id=None)
        annotation = newest_annotation(task)
        if annotation is None:
            return None
        model = self.models.announced()
        if model is None:
            raise ServiceUnavailable("no worker has announced its model yet; the annotation can be submitted again")
        label_config = self.tasks.label_config(key.project_id)
        canvas = canvas_of(task, key, label_config=label_config, model_version=model.version)
        canvas = replace(canvas, user=author_of(annotation))
        prompts = self._prompts(canvas, annotation)
        return None if prompts is None else self.desk.adopt(canvas, prompts)

    def _prompts(self, canvas: Canvas, annotation: Mapping[str, object]) -> PromptSet | None:
        """What led to the masks shown, less removed objects, with what the person changed; None if nothing was."""
        binding = read_binding(canvas.label_config)
        result = annotation.get("result")
        there = prompts_of_annotation(result, binding)
        shown = newest_run(self.desk, canvas.task, canvas.model_version)
        if shown is None:
            return there
        changed = prompts_of_annotation(result, binding, known=shown.run)
        led_here = self.desk.ledger.request(shown.job.job_id).prompts
        kept = [prompt for prompt in led_here if prompt.object_id in there.object_ids]
        if not changed and len(kept) == len(led_here.prompts):
            return None
        return PromptSet.of([*kept, *changed], {**led_here.labels, **there.labels})


def newest_annotation(task: Mapping[str, object]) -> Mapping[str, object] | None:
    """The annotation changed last, skipped ones aside."""
    annotations = [
        as_object(entry, "annotation") for entry in as_list(task.get("annotations") or [], "the task's annotations")
    ]
    kept = [annotation for annotation in annotations if not annotation.get("was_cancelled")]
    return max(kept, key=lambda annotation: str(annotation.get("updated_at") or ""), default=None)


def author_of(annotation: Mapping[str, object]) -> str:
    """Who made an annotation, in the words that their drafts use; empty if it does not say."""
    name = annotation.get("created_username")
    found = AUTHOR.search(name) if isinstance(name, str) else None
    return found[1] if found else ""
