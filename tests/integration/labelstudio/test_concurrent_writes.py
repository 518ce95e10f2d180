"""Annotations that are submitted while tasks change, on a real Label Studio with SQLite: each is there once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIG = """<View><Text name="text" value="$text"/>
  <Choices name="kind" toName="text"><Choice value="a"/><Choice value="b"/></Choices></View>"""
RESULT: list[dict[str, Any]] = [
    {"id": "c", "from_name": "kind", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}}
]
TASKS = 6
CHANGES = 3


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
        calls: list[Callable[[], None]] = [partial(call, task) for task in tasks for call in (submit, change)]
        with ThreadPoolExecutor(len(calls)) as pool:
            for done in [pool.submit(call) for call in calls]:
                done.result()
        assert [len(lead.annotations(task)) for task in tasks] == [1] * TASKS
        assert [lead.task_data(task)["text"] for task in tasks] == [str(CHANGES - 1)] * TASKS
