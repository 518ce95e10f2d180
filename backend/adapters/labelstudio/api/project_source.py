"""A Label Studio project as a source of labelled videos: one video per task, read when it is opened.

A task's newest annotation that is not cancelled counts; the manifest has the number of the others. Of its predictions
the newest counts. Regions that Masklet wrote from the player have their stored masks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.config.label_config import Binding, read_binding, with_rate
from backend.adapters.labelstudio.reading.labelled import LabelledObjects, LabelledTask, read_labels, require_fitting
from backend.adapters.labelstudio.reading.stored_masks import stored_objects
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.written_regions import reference_of
from backend.application.exports.naming import name_of_address, path_stem
from backend.application.ports.datasets import DatasetEntry, ManifestEntry, TaskOrigin
from backend.application.ports.masks import MaskStore
from backend.application.ports.media import MediaLibrary
from backend.domain.datasets import LabelsFrom
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.tasks import MediaRef
from backend.domain.timeline import clock_of
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

TASKS_A_PAGE = 200
COUNTS = "id,data,project,total_annotations,cancelled_annotations,total_predictions"


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """An annotation or a prediction. about: facts for the manifest. model: the version that made it."""

    is_annotation: bool
    result: list[object]
    about: Mapping[str, object]
    model: str


@dataclass(frozen=True, slots=True)
class ProjectSource:
    """A DatasetSource. task_id: only that task; None: all tasks with labels of the wanted kind."""

    session: Session
    media: MediaLibrary
    masks: MaskStore
    project_id: int
    labels_from: LabelsFrom = LabelsFrom.ANNOTATIONS
    task_id: int | None = None

    @property
    def record(self) -> ManifestEntry:
        task = {} if self.task_id is None else {"task": self.task_id}
        return {"kind": "label studio", "project": self.project_id, **task, "labels": str(self.labels_from)}

    def entries(self) -> Sequence[DatasetEntry]:
        """The tasks in the order of their ids. Raises NotFound if none has labels of that kind."""
        what = f"list the tasks of project {self.project_id}"
        entries = self.session.call(what, lambda sdk: sorted(self._listed(sdk)))
        if not entries:
            named = "no task" if self.task_id is None else f"no task {self.task_id}"
            raise NotFound(f"project {self.project_id} has {named} with {_WANTED[self.labels_from]}; see --from")
        return [DatasetEntry(str(task_id), name) for task_id, name in entries]

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[LabelledTask]:
        """The entry's labelled task. Raises InvalidInput naming the task and the field that cannot be read."""
        try:
            yield self._open(int(entry.key))
        except InvalidInput as error:
            raise type(error)(f"task {entry.key} of project {self.project_id}: {error}") from error

    def _listed(self, sdk: Any) -> Iterator[tuple[int, str]]:  # noqa: ANN401 - the SDK's client
        for task in sdk.tasks.list(project=self.project_id, page_size=TASKS_A_PAGE, fields="task_only", include=COUNTS):
            annotations = (task.total_annotations or 0) - (task.cancelled_annotations or 0)
            counts = {
                LabelsFrom.ANNOTATIONS: annotations,
                LabelsFrom.PREDICTIONS: task.total_predictions or 0,
                LabelsFrom.BOTH: annotations + (task.total_predictions or 0),
            }
            if counts[self.labels_from] > 0 and self.task_id in (None, task.id):
                yield int(task.id), _name_of(int(task.id), dict(task.data or {}))

    def _open(self, task_id: int) -> LabelledTask:
        data = self._data(task_id)
        label_config = self._label_config()
        binding = read_binding(with_rate(label_config, data))
        record = self._record(task_id)
        where = "annotation" if record.is_annotation else "prediction"
        media = media_of_task({"data": data}, binding)
        labelled, info = self._labelled(record.result, binding, media, data, where=where)
        require_fitting(labelled, info)
        return LabelledTask(
            labelled,
            info,
            approved=record.is_annotation,
            provenance={**_provenance(record, data), **_of_runs(record.result, labelled)},
            task=TaskOrigin(data, label_config),
            open_pictures=lambda: self.media.open(media),
        )

    def _labelled(
        self, result: list[object], binding: Binding, media: MediaRef, data: Mapping[str, object], *, where: str
    ) -> tuple[LabelledObjects, VideoInfo]:
        """The labels and the video's info. A video is opened first: its frame numbers need its frame times."""
        if binding.is_video:
            with self.media.open(media) as source:
                info = source.info
            found = stored_objects(result, self.masks, info)
            labelled = read_labels(found.result, binding, where=where, clock=clock_of(info, binding.framerate))
            return replace(labelled, stored=found.objects), info
        labelled = read_labels(result, binding, where=where)
        return labelled, self._info(media, labelled, data)

    def _info(self, media: MediaRef, labelled: LabelledObjects, data: Mapping[str, object]) -> VideoInfo:
        """The info of the task's frames; opens the media only if the labels have no size, and of pages only the first.

        Raises NotAllowed, MediaUnreachable or MediaError.
        """
        if media.is_pages and labelled.size is not None:
            return VideoInfo(ContentHash(""), labelled.size, len(media.addresses), _rate(data))
        with self.media.open(media, frames=[FrameIndex(0)] if media.is_pages else None) as source:
            return replace(source.info, frame_rate=_rate(data)) if media.is_pages else source.info

    def _label_config(self) -> str:
        project: Any = self.session.call(
            f"read project {self.project_id}", lambda sdk: sdk.projects.get(self.project_id)
        )
        return str(project.label_config or "")

    def _data(self, task_id: int) -> dict[str, object]:
        task: Any = self.session.call(f"read task {task_id}", lambda sdk: sdk.tasks.get(str(task_id)))
        return dict(task.data or {})

    def _record(self, task_id: int) -> ResultRecord:
        """The labels that count. Raises NotFound if they were deleted meanwhile."""
        found = self._annotation(task_id) if self.labels_from is not LabelsFrom.PREDICTIONS else None
        if found is None and self.labels_from is not LabelsFrom.ANNOTATIONS:
            found = self._prediction(task_id)
        if found is None:
            raise NotFound(f"task {task_id} has no labels any more; export again")
        return found

    def _annotation(self, task_id: int) -> ResultRecord | None:
        listed: list[Any] = self.session.call(
            f"list the annotations of task {task_id}", lambda sdk: sdk.annotations.list(task_id)
        )
        kept = sorted((a for a in listed if not a.was_cancelled), key=lambda a: int(a.id))
        if not kept:
            return None
        newest = kept[-1]
        about = {
            "annotation": int(newest.id),
            "other_annotations": len(kept) - 1,
            "by": None if newest.completed_by is None else str(newest.completed_by),
            "updated": str(newest.updated_at or ""),
            "from_prediction": newest.parent_prediction,
        }
        return ResultRecord(True, list(newest.result or []), about, "")

    def _prediction(self, task_id: int) -> ResultRecord | None:
        listed: list[Any] = self.session.call(
            f"list the predictions of task {task_id}", lambda sdk: sdk.predictions.list(task=task_id)
        )
        if not listed:
            return None
        newest = max(listed, key=lambda prediction: int(prediction.id))
        about = {"prediction": int(newest.id), "other_predictions": len(listed) - 1, "score": newest.score}
        return ResultRecord(False, list(newest.result or []), about, str(newest.model_version or ""))


_WANTED = {
    LabelsFrom.ANNOTATIONS: "annotations",
    LabelsFrom.PREDICTIONS: "predictions",
    LabelsFrom.BOTH: "annotations or predictions",
}


def _provenance(record: ResultRecord, data: Mapping[str, object]) -> ManifestEntry:
    body = json.dumps(record.result, sort_keys=True, separators=(",", ":")).encode("ascii")
    return {
        "kind": "annotation" if record.is_annotation else "prediction",
        "model": record.model or None,
        **record.about,
        "result_sha256": hashlib.sha256(body).hexdigest(),
        "prompts": data.get("prompts"),
        "cut_from": data.get("masklet"),
    }


def _of_runs(result: Sequence[object], labelled: LabelledObjects) -> ManifestEntry:
    """The stored runs with the masks of regions, and the models that made them; empty without any."""
    found = [reference for item in result if (reference := reference_of(item))]
    used = [reference for reference in found if reference.object_id in labelled.stored]
    if not used:
        return {}
    return {"runs": sorted({each.run for each in used}), "model": ", ".join(sorted({each.model for each in used}))}


def _rate(data: Mapping[str, object]) -> Fraction:
    """The pages' frames per second, from the task's `fps`; 1 without it."""
    fps = data.get("fps")
    if isinstance(fps, int | float) and not isinstance(fps, bool) and 0 < fps <= 1000:
        return Fraction(fps).limit_denominator(100_000)
    return Fraction(1)


def _name_of(task_id: int, data: Mapping[str, object]) -> str:
    """The task's `clip` or `name`, or its media's file name, or "task-" and its id."""
    for key in ("clip", "name"):
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            return path_stem(value)
    for value in data.values():
        found = name_of_address(value) if isinstance(value, str) else ""
        if found:
            return found
    return f"task-{task_id}"
