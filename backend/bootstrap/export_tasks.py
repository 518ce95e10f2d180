"""Sources of `masklet export` that live with a service: Label Studio's projects, and runs of the mask store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backend.adapters.labelstudio.project_source import LabelsFrom, ProjectSource, name_of_address
from backend.adapters.labelstudio.session import Session
from backend.adapters.store.labelled import OpenPictures, no_pictures
from backend.adapters.store.labelled_run import open_run
from backend.application.dataset_ports import DatasetEntry, DatasetSource, DatasetVideo, Notes
from backend.application.jobs_queries import newest_propagation
from backend.application.ledger_port import Ledger
from backend.application.prompt_record import prompts_record
from backend.application.requests import Job, PropagationRequest, TaskKey
from backend.bootstrap.media import open_media_library
from backend.bootstrap.parts import SystemClock, data_folder, load_settings, open_ledger_of
from backend.domain.errors import InvalidInput, NotFound

TIMEOUT_S = 60.0


@contextmanager
def open_project(project_id: int, task_id: int | None, labels_from: str) -> Iterator[DatasetSource]:
    """A project, or one task of it. Raises InvalidInput if the settings name no Label Studio."""
    settings = load_settings()
    if not settings.label_studio_url:
        raise InvalidInput("no Label Studio is set; put its address in LABEL_STUDIO_URL")
    token = settings.label_studio_token.get_secret_value()
    with closing(Session(settings.label_studio_url, token, timeout_s=TIMEOUT_S)) as session:
        yield ProjectSource(session, open_media_library(settings), project_id, LabelsFrom(labels_from), task_id)


@contextmanager
def open_run_of(task: TaskKey, open_pictures: OpenPictures | None) -> Iterator[DatasetSource]:
    """The stored masks of a task. open_pictures: finds its video; None: the media library, if there is Label Studio."""
    settings = load_settings()
    with closing(open_ledger_of(settings, SystemClock())) as ledger:
        source = RunSource(task, ledger, data_folder(settings).masks, open_pictures or no_pictures)
        if open_pictures is None and settings.label_studio_url:
            library = open_media_library(settings)
            source = replace(source, open_pictures=lambda name, info: library.open(source.request().media))
        yield source


@dataclass(frozen=True, slots=True)
class RunSource:
    """A DatasetSource: the masks that the last finished propagation of a task left in the mask store."""

    task: TaskKey
    ledger: Ledger
    masks: Path
    open_pictures: OpenPictures

    @property
    def record(self) -> Notes:
        return {"kind": "run", "project": self.task.project_id, "task": self.task.task_id}

    def entries(self) -> Sequence[DatasetEntry]:
        """Raises NotFound if the task has no finished propagation."""
        address = self.request().media.addresses[0]
        return [DatasetEntry(str(self.task), name_of_address(address) or f"task-{self.task.task_id}")]

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[DatasetVideo]:
        """Raises NotFound or IntegrityError."""
        job, request = self._job(), self.request()
        provenance = {
            "kind": "propagation",
            "job": job.job_id,
            "model": job.model_version,
            "prompts": prompts_record(request.prompts),
        }
        with open_run(self.masks / job.masks_run, provenance=provenance, open_pictures=self.open_pictures) as run:
            yield run

    def _job(self) -> Job:
        found = newest_propagation(self.ledger, self.task)
        if found is None:
            raise NotFound(f"task {self.task} has no finished propagation in this data folder (MASKLET_DATA_DIR)")
        return found

    def request(self) -> PropagationRequest:
        """What was asked for; says where the video is."""
        request = self.ledger.request(self._job().job_id)
        assert isinstance(request, PropagationRequest), "a propagation's job has a propagation's request"
        return request
