"""A client of Label Studio's HTTP API for the demo and the tests: projects, tasks, backends, predictions.

Sends plain HTTP as the page does. The SDK is not used, because its retries could send a prompt twice. A refused request
raises LabelStudioAnswered with Label Studio's message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

TIMEOUT_S = 120.0
"""Label Studio itself waits up to 100 s for a backend."""

TASKS_A_PAGE = 100

Json = dict[str, Any]


class LabelStudioAnswered(Exception):
    """Label Studio refused a request; the message has the status and the answer."""


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A prediction as stored in Label Studio."""

    prediction_id: int
    model_version: str
    score: float | None
    result: list[Json]


class LabelStudioApi:
    """The API of one Label Studio for one user."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # projects and tasks

    def ensure_project(self, title: str, label_config: str) -> int:
        """The id of the project with that title, made if missing; updates its label config."""
        listed = self._call("GET", "/api/projects/", params={"page_size": 1000, "title": title})["results"]
        same = [project for project in listed if project["title"] == title]
        if not same:
            made = self._call("POST", "/api/projects/", json={"title": title, "label_config": label_config})
            return int(made["id"])
        project_id = int(same[0]["id"])
        if same[0]["label_config"] != label_config:
            self._call("PATCH", f"/api/projects/{project_id}/", json={"label_config": label_config})
        return project_id

    def change_project(self, project_id: int, **fields: object) -> None:
        """Changes fields of a project, such as maximum_annotations."""
        self._call("PATCH", f"/api/projects/{project_id}/", json=fields)

    def invitation(self) -> str:
        """The address at which a new user signs up."""
        return self.url + str(self._call("GET", "/api/invite")["invite_url"])

    def ensure_local_files(self, project_id: int, folder: Path) -> None:
        """Lets the project show the media in a folder under Label Studio's root of local files."""
        listed = self._call("GET", "/api/storages/localfiles", params={"project": project_id})
        if all(storage["path"] != str(folder) for storage in listed):
            body = {"project": project_id, "path": str(folder), "title": folder.name, "use_blob_urls": True}
            self._call("POST", "/api/storages/localfiles", json=body)

    def connect_s3(self, project_id: int, bucket: str, endpoint: str, *, presign: bool) -> None:
        """Adds a bucket of an S3 server that checks no keys as the project's source storage."""
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        body = {"project": project_id, "title": bucket, "bucket": bucket, "s3_endpoint": endpoint, "presign": presign}
        self._call("POST", "/api/storages/s3", json={**body, **keys, "use_blob_urls": True})

    def ensure_task(self, project_id: int, data: Mapping[str, object]) -> int:
        """The id of the project's task with that `data.clip`, made if missing."""
        params = {"project": project_id, "page_size": 1000, "fields": "all"}
        listed = self._call("GET", "/api/tasks/", params=params)["tasks"]
        for task in listed:
            if task["data"].get("clip") == data["clip"]:
                return int(task["id"])
        return int(self._call("POST", "/api/tasks/", json={"project": project_id, "data": dict(data)})["id"])

    def add_task(self, project_id: int, data: Mapping[str, object]) -> int:
        """Adds a task; returns its id."""
        return int(self._call("POST", "/api/tasks/", json={"project": project_id, "data": dict(data)})["id"])

    def import_tasks(self, project_id: int, data: Sequence[Mapping[str, object]]) -> None:
        """Adds many tasks in one call, in their order."""
        self._call("POST", f"/api/projects/{project_id}/import", json=[{"data": dict(each)} for each in data])

    def annotations(self, task_id: int) -> list[Json]:
        """The task's saved annotations, oldest first."""
        listed: list[Json] = self._call("GET", f"/api/tasks/{task_id}/annotations/")
        return sorted(listed, key=lambda annotation: int(annotation["id"]))

    def add_annotation(self, task_id: int, result: list[Json], *, draft_id: int | None = None) -> int:
        """Submits an annotation of a task, as the page does, in place of its draft; returns its id."""
        body = {"result": result} if draft_id is None else {"result": result, "draft_id": draft_id}
        return int(self._call("POST", f"/api/tasks/{task_id}/annotations/", json=body)["id"])

    def add_draft(self, task_id: int, result: list[Json]) -> int:
        """Stores a draft on a task, as the page does while a person works; returns its id."""
        body = {"result": result, "lead_time": 1.0}
        return int(self._call("POST", f"/api/tasks/{task_id}/drafts", json=body)["id"])

    def change_task(self, task_id: int, data: Mapping[str, object]) -> None:
        """Replaces a task's data."""
        self._call("PATCH", f"/api/tasks/{task_id}/", json={"data": dict(data)})

    def task_data(self, task_id: int) -> Json:
        """A task's data as the page has them: addresses of cloud storage are the resolver's."""
        data: Json = self._call("GET", f"/api/tasks/{task_id}/")["data"]
        return data

    def annotation_counts(self, task_id: int) -> tuple[int, bool]:
        """How many annotations Label Studio counts on a task, and whether it takes it as done."""
        task = self._call("GET", f"/api/tasks/{task_id}/")
        return int(task["total_annotations"]), bool(task["is_labeled"])

    def stored_data(self, project_id: int) -> list[Json]:
        """The data of a project's tasks as they are stored."""
        params = {"project": project_id, "fields": "task_only", "include": "id,data", "resolve_uri": "false"}
        return [task["data"] for task in self._call("GET", "/api/tasks/", params=params)["tasks"]]

    def tasks(self, project_id: int) -> list[int]:
        """The ids of a project's tasks, ascending."""
        params = {"project": project_id, "page_size": 1000, "fields": "task_only", "include": "id"}
        return sorted(int(task["id"]) for task in self._call("GET", "/api/tasks/", params=params)["tasks"])

    def task_list(self, project_id: int) -> list[Json]:
        """All tasks of a project with their id, data and total_predictions."""
        found: list[Json] = []
        params = {"project": project_id, "fields": "task_only", "include": "id,data,total_predictions"}
        while True:
            page = 1 + len(found) // TASKS_A_PAGE
            listed = self._call("GET", "/api/tasks/", params={**params, "page_size": TASKS_A_PAGE, "page": page})
            found += listed["tasks"]
            if len(listed["tasks"]) < TASKS_A_PAGE:
                return found

    def next_task(self, project_id: int) -> int:
        """The id of the next task for annotation."""
        return int(self._call("GET", f"/api/projects/{project_id}/next/")["id"])

    def remove_annotations(self, task_id: int) -> None:
        """Removes all annotations of a task."""
        for annotation in self.annotations(task_id):
            self._call("DELETE", f"/api/annotations/{annotation['id']}/")

    def drafts(self, task_id: int) -> list[Json]:
        """All users' drafts on a task."""
        listed: list[Json] = self._call("GET", f"/api/tasks/{task_id}/drafts")
        return listed

    def remove_webhooks(self, project_id: int) -> int:
        """Removes the webhooks of a project; returns their number."""
        listed: list[Json] = self._call("GET", "/api/webhooks/", params={"project": project_id})
        for webhook in listed:
            self._call("DELETE", f"/api/webhooks/{webhook['id']}/")
        return len(listed)

    def task_address(self, project_id: int, task_id: int) -> str:
        """The address of the task's page."""
        return f"{self.url}/projects/{project_id}/data?task={task_id}"

    # backends

    def ensure_backend(self, project_id: int, url: str, model_version: str) -> int:
        """Connects the backend to the project, or updates the connected one; returns its id.

        The title is the model version: Label Studio shows the predictions of the project's version.
        """
        body = {"project": project_id, "url": url, "title": model_version, "is_interactive": True, "timeout": 100}
        listed = self._call("GET", "/api/ml", params={"project": project_id})
        if not listed:
            backend_id = int(self._call("POST", "/api/ml", json=body)["id"])
        else:
            backend_id = int(listed[0]["id"])
            if (listed[0]["url"], listed[0]["title"], listed[0]["state"]) != (url, model_version, "CO"):
                self._call("PATCH", f"/api/ml/{backend_id}", json=body)
        if self._call("GET", f"/api/projects/{project_id}/").get("model_version") != model_version:
            self._call("PATCH", f"/api/projects/{project_id}/", json={"model_version": model_version})
        return backend_id

    def backend_of(self, project_id: int) -> int:
        """The id of the project's connected backend. Raises LabelStudioAnswered without one."""
        listed = self._call("GET", "/api/ml", params={"project": project_id})
        if not listed:
            raise LabelStudioAnswered(f"project {project_id} has no ML backend")
        return int(listed[0]["id"])

    def train(self, backend_id: int) -> None:
        """What the page's Start Training does."""
        self._call("POST", f"/api/ml/{backend_id}/train", json={"use_ground_truth": False})

    def ask(self, backend_id: int, task_id: int, region: Mapping[str, object]) -> list[Json]:
        """Sends a click as the page's Auto-Detect tool does; returns the regions of the backend's answer.

        Raises LabelStudioAnswered with the reason if the backend does not answer.
        """
        body = {"task": task_id, "context": {"result": [dict(region)]}}
        answer = self._call("POST", f"/api/ml/{backend_id}/interactive-annotating", json=body)
        if "data" not in answer:
            raise LabelStudioAnswered(f"the backend did not answer: {'; '.join(answer.get('errors', []))[:500]}")
        regions: list[Json] = answer["data"]["result"] if isinstance(answer["data"], dict) else []
        return regions

    def predictions(self, task_id: int) -> list[PredictionRecord]:
        """All of a task's predictions, oldest first."""
        listed = self._call("GET", "/api/predictions/", params={"task": task_id})
        records = [
            PredictionRecord(int(entry["id"]), entry["model_version"] or "", entry["score"], entry["result"])
            for entry in listed
        ]
        return sorted(records, key=lambda record: record.prediction_id)

    def add_prediction(
        self, project_id: int, task_id: int, *, model_version: str, result: list[dict[str, object]]
    ) -> None:
        """Adds a prediction to a task and makes its version the project's, so that the page shows it."""
        body = {"task": task_id, "model_version": model_version, "result": result, "score": 0.5}
        self._call("POST", "/api/predictions/", json=body)
        self._call("PATCH", f"/api/projects/{project_id}/", json={"model_version": model_version})

    def _call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - Label Studio's JSON
        try:
            reply = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise LabelStudioAnswered(f"{method} {path}: no answer from {self.url} ({error})") from error
        if reply.is_error:
            raise LabelStudioAnswered(f"{method} {path}: {reply.status_code} {reply.text[:500]}")
        return reply.json() if reply.content else {}
