"""Annotations that are submitted while tasks change, on a real Label Studio: each is there once, and is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.task_changes import TaskChanges
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIG = """<View><Text name="text" value="$text"/>
  <Choices name="kind" toName="text"><Choice value="a"/><Choice value="b"/></Choices></View>"""
RESULT: list[dict[str, Any]] = [
    {"id": "c", "from_name": "kind", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}}
]
TASKS = 6
CHANGES = 3


def call_at_once(tasks: Sequence[int], *calls: Callable[[int], None]) -> None:
    """Every call with every task, each in a thread of its own. Raises what they raise."""
    with ThreadPoolExecutor(len(tasks) * len(calls)) as pool:
        for done in [pool.submit(call, task) for task in tasks for call in calls]:
            done.result()


def test_a_submitted_annotation_is_there_once_beside_other_writes(label_studio: LabelStudioServer) -> None:
    """With Label Studio's own settings of SQLite about every second annotation was stored two to five times."""

    def submit(task_id: int) -> None:
        with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
            api.add_annotation(task_id, RESULT, draft_id=api.add_draft(task_id, RESULT))

    def change(task_id: int) -> None:
        with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
            for number in range(CHANGES):
                api.change_task(task_id, {"text": str(number)})

    with LabelStudioApi(label_studio.url, label_studio.login.token) as lead:
        project_id = lead.ensure_project("Concurrent writes", CONFIG)
        tasks = [lead.add_task(project_id, {"text": "?"}) for _ in range(TASKS)]
        call_at_once(tasks, submit, change)
        assert [len(lead.annotations(task)) for task in tasks] == [1] * TASKS
        assert [lead.task_data(task)["text"] for task in tasks] == [str(CHANGES - 1)] * TASKS


def test_an_annotation_that_is_submitted_while_masklet_changes_its_task_is_counted(
    label_studio: LabelStudioServer,
) -> None:
    """Label Studio stores the whole row of a task with each change: the count of its annotations too."""
    session = Session(label_studio.url, label_studio.login.token, timeout_s=300.0)

    def change(task_id: int) -> None:
        for number in range(CHANGES):
            TaskChanges(session).put_fields(task_id, {"worst_page": number})

    def submit(task_id: int) -> None:
        with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
            api.add_annotation(task_id, RESULT)

    with LabelStudioApi(label_studio.url, label_studio.login.token) as lead, closing(session):
        project_id = lead.ensure_project("Counted annotations", CONFIG)
        tasks = [lead.add_task(project_id, {"text": "?"}) for _ in range(TASKS)]
        call_at_once(tasks, change, submit)
        assert [lead.annotation_counts(task) for task in tasks] == [(1, True)] * TASKS
        assert [lead.task_data(task) for task in tasks] == [{"text": "?", "worst_page": CHANGES - 1}] * TASKS


def test_lost_counts_are_corrected_by_the_next_change(label_studio: LabelStudioServer) -> None:
    session = Session(label_studio.url, label_studio.login.token, timeout_s=300.0)
    with LabelStudioApi(label_studio.url, label_studio.login.token) as lead, closing(session):
        task = lead.add_task(lead.ensure_project("Lost counts", CONFIG), {"text": "?"})
        lead.add_annotation(task, RESULT)
        lost = {"total_annotations": 0, "is_labeled": False}  # as another change beside the submission stores them
        session.patch("lose the counts", f"/api/tasks/{task}/", lost)
        assert lead.annotation_counts(task)[0] == 0
        TaskChanges(session).put_fields(task, {"worst_page": 3})
        assert lead.annotation_counts(task) == (1, True)
