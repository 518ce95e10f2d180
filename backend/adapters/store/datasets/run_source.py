"""A task's stored masks as a source of an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backend.adapters.store.datasets.labelled import OpenPictures
from backend.adapters.store.datasets.labelled_run import open_run
from backend.adapters.store.masks.store import ObjectMaskStore
from backend.application.annotation.prompt_record import prompts_record
from backend.application.exports.naming import name_of_address
from backend.application.jobs.queries import newest_propagation
from backend.application.player.verdicts import run_verdicts
from backend.application.ports.datasets import DatasetEntry, DatasetVideo, ManifestEntry
from backend.application.ports.ledger import Ledger
from backend.codecs.coco_rle import CocoCodec
from backend.domain.errors import NotFound
from backend.domain.jobs import Job, PropagationRequest
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class RunSource:
    """A DatasetSource: the stored masks of the last finished propagation of a task.

    label_colors: reads a label config: #rrggbb by label.
    read_labels: the labels of the project's label config; empty without a Label Studio.
    """

    task: TaskKey
    ledger: Ledger
    masks: ObjectMaskStore
    open_pictures: OpenPictures
    label_colors: Callable[[str], Mapping[str, str]]
    read_labels: Callable[[], Sequence[str]]

    @property
    def record(self) -> ManifestEntry:
        return {"kind": "run", "project": self.task.project_id, "task": self.task.task_id}

    def entries(self) -> Sequence[DatasetEntry]:
        """Raises NotFound if the task has no finished propagation."""
        address = self.request().media.addresses[0]
        return [DatasetEntry(str(self.task), name_of_address(address) or f"task-{self.task.task_id}")]

    def labels(self) -> Sequence[str]:
        return self.read_labels()

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
        verdicts = run_verdicts(self.ledger, self.masks, CocoCodec(), job)
        with open_run(
            self.masks.objects,
            job.masks_run,
            verdicts=verdicts,
            provenance=provenance,
            open_pictures=self.open_pictures,
            colors=self.label_colors(request.label_config),
        ) as run:
            yield run

    def _job(self) -> Job:
        found = newest_propagation(self.ledger, self.task)
        if found is None:
            raise NotFound(f"task {self.task} has no finished propagation in this data folder (MASKLET_DATA_DIR)")
        return found

    def request(self) -> PropagationRequest:
        """The request of the propagation, with the video's address."""
        request = self.ledger.request(self._job().job_id)
        assert isinstance(request, PropagationRequest), "a propagation's job has a propagation's request"
        return request
