"""Tasks with their data as Label Studio stores them: addresses of cloud storage are not replaced by the resolver's.

Data that are written back must be these: a resolver's address ends with its task, and names its host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.adapters.labelstudio.storage_addresses import as_stored

AS_STORED: Mapping[str, Any] = {"additional_query_parameters": {"resolve_uri": "false"}}


@dataclass(frozen=True, slots=True)
class StoredTask:
    task_id: int
    project_id: int | None
    data: dict[str, object]


def stored_task(sdk: Any, task_id: int) -> StoredTask:  # noqa: ANN401 - the SDK's client
    return _stored(sdk.tasks.get(str(task_id), request_options=AS_STORED))


def newest_task(sdk: Any, project_id: int) -> StoredTask | None:  # noqa: ANN401 - the SDK's client
    """The project's task with the highest number; None without tasks."""
    page = sdk.tasks.list(
        project=project_id,
        query='{"ordering": ["-tasks:id"]}',
        page=1,
        page_size=1,
        fields="task_only",
        include="id,data",
        resolve_uri=False,
    )
    return next((_stored(record) for record in page.items or ()), None)


def _stored(record: Any) -> StoredTask:  # noqa: ANN401 - the SDK's record
    task_id = int(record.id)
    data = {str(name): as_stored(value, task_id) for name, value in (record.data or {}).items()}
    return StoredTask(task_id, record.project, data)
