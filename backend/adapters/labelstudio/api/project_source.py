"""A Label Studio project as a source of labelled videos: one video per task, read when it is opened.

Cancelled annotations do not count. Of several annotations of a task the AnnotatorChoice says which count; the manifest
has the number of the others. Of its predictions the newest counts. Regions that Masklet wrote from the player have
their stored masks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, Annotations, author_of
from backend.adapters.labelstudio.api.project_labels import label_config_of, labels_of_project
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.stored_tasks import stored_task
from backend.adapters.labelstudio.api.task_names import name_of_task
from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.labelled import LabelledObjects, LabelledTask, read_labels, require_fitting
from backend.adapters.labelstudio.reading.player_config import label_colors
from backend.adapters.labelstudio.reading.stored_masks import stored_objects
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.written_regions import reference_of
from backend.application.ports.datasets import DatasetEntry, ManifestEntry, TaskOrigin
from backend.application.ports.masks import MaskStore
from backend.application.ports.media import MediaLibrary
from backend.domain.datasets import AnnotatorChoice, LabelsFrom, with_label_colors
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.timeline import clock_of
from backend.domain.verdicts import MaskVerdicts, UserVerdict
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

TASKS_A_PAGE = 200
COUNTS = "id,data,project,total_annotations,cancelled_annotations,total_predictions"


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """An annotation or a prediction. about: facts for the manifest. model: the version that made it.

    author: of an annotation, as the player names people; empty if unknown.
    """

    is_annotation: bool
    result: list[object]
    about: Mapping[str, object]
    model: str
    author: str


ONE_ANNOTATION = AnnotatorChoice()


@dataclass(frozen=True, slots=True)
class ProjectSource:
    """A DatasetSource. task_ids: only these tasks; empty: all tasks with labels of the wanted kind.

    verdicts: everybody's on a task.
    An entry's key is the task's number, with AnnotatorChoice.EACH that and the annotation's ("41/7").
    """

    session: Session
    media: MediaLibrary
    masks: MaskStore
    verdicts: Callable[[TaskKey], Sequence[UserVerdict]]
    project_id: int
    labels_from: LabelsFrom = LabelsFrom.ANNOTATIONS
    task_ids: Collection[int] = ()
    annotator: AnnotatorChoice = ONE_ANNOTATION

    @property
    def record(self) -> ManifestEntry:
        listed = sorted(self.task_ids)
        task = {"task": listed[0]} if len(listed) == 1 else {"tasks": listed} if listed else {}
        return {
            "kind": "label studio",
            "project": self.project_id,
            **task,
            "labels": str(self.labels_from),
            "annotator": str(self.annotator),
        }

    def entries(self) -> Sequence[DatasetEntry]:
        """The tasks in the order of their ids. Raises NotFound if none has labels of that kind.

        Raises InvalidInput for tasks with several annotations, unless the choice says which count.
        """
        what = f"list the tasks of project {self.project_id}"
        tasks = self.session.call(what, lambda sdk: sorted(self._listed(sdk)))
        several = {task_id: count for task_id, _, count in tasks if count > 1}
        if several and self.annotator.way is AnnotatorChoice.Way.ONE and self.labels_from is not LabelsFrom.PREDICTIONS:
            raise InvalidInput(_several(self.project_id, several))
        entries = [entry for task in tasks for entry in self._entries_of(*task)]
        if not entries:
            numbers = ", ".join(map(str, sorted(self.task_ids)))
            named = f"no task {numbers}".strip()
            raise NotFound(f"project {self.project_id} has {named} with {self._wanted()}; see --from and --annotator")
        return entries

    def annotated_tasks(self) -> dict[int, str]:
        """The names of the tasks with annotations that count, by number, ascending. Raises NotFound for no project."""
        what = f"list the tasks of project {self.project_id}"
        self.session.call(what, lambda sdk: sdk.projects.get(self.project_id))
        found = self.session.call(what, lambda sdk: sorted(self._listed(sdk)))
        return {task_id: name for task_id, name, annotations in found if annotations}

    def labels(self) -> Sequence[str]:
        return labels_of_project(self.session, self.project_id)

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[LabelledTask]:
        """The entry's labelled task. Raises InvalidInput naming the task and the field that cannot be read."""
        try:
            task_id, _, annotation_id = entry.key.partition("/")
            yield self._open(int(task_id), int(annotation_id) if annotation_id else None)
        except InvalidInput as error:
            raise type(error)(f"task {entry.key} of project {self.project_id}: {error}") from error

    def _wanted(self) -> str:
        wanted = _WANTED[self.labels_from]
        return f"{wanted} of user {self.annotator.user}" if self.annotator.way is AnnotatorChoice.Way.USER else wanted

    def _entries_of(self, task_id: int, name: str, annotations: int) -> Iterator[DatasetEntry]:
        way = self.annotator.way
        is_by_annotation = self.labels_from is not LabelsFrom.PREDICTIONS and annotations > 0
        if is_by_annotation and way is AnnotatorChoice.Way.EACH:
            for each in self._annotations(task_id):
                yield DatasetEntry(f"{task_id}/{each.annotation_id}", f"{name} annotation {each.annotation_id}", name)
        elif is_by_annotation and way is AnnotatorChoice.Way.USER:
            if self.labels_from is LabelsFrom.BOTH or self._annotations(task_id):
                yield DatasetEntry(str(task_id), name)
        else:
            yield DatasetEntry(str(task_id), name)

    def _listed(self, sdk: Any) -> Iterator[tuple[int, str, int]]:  # noqa: ANN401 - the SDK's client
        """The number, the name, and the count of annotations of each task with labels of the wanted kind."""
        for task in sdk.tasks.list(
            project=self.project_id, page_size=TASKS_A_PAGE, fields="task_only", include=COUNTS, resolve_uri=False
        ):
            annotations = (task.total_annotations or 0) - (task.cancelled_annotations or 0)
            counts = {
                LabelsFrom.ANNOTATIONS: annotations,
                LabelsFrom.PREDICTIONS: task.total_predictions or 0,
                LabelsFrom.BOTH: annotations + (task.total_predictions or 0),
            }
            if counts[self.labels_from] > 0 and (not self.task_ids or task.id in self.task_ids):
                yield int(task.id), name_of_task(int(task.id), task.data or {}), annotations

    def _open(self, task_id: int, annotation_id: int | None) -> LabelledTask:
        data = self._data(task_id)
        label_config = label_config_of(self.session, self.project_id)
        binding = read_binding(with_task_data(label_config, data))
        record = self._record(task_id, annotation_id)
        where = "annotation" if record.is_annotation else "prediction"
        media = media_of_task({"data": data}, binding, task_id=task_id)
        labelled, info = self._labelled(record.result, binding, media, data, where=where)
        require_fitting(labelled, info)
        given = self.verdicts(TaskKey(self.project_id, task_id))
        return LabelledTask(
            replace(labelled, objects=with_label_colors(labelled.objects, label_colors(label_config))),
            info,
            approved=record.is_annotation,
            verdicts=MaskVerdicts.of(given, labelled.digests, author=record.author),
            provenance={**_provenance(record, data), **_of_runs(record.result, labelled)},
            task=TaskOrigin(data, label_config),
            open_pictures=lambda: self.media.open(media),
            author=record.author,
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
            return replace(labelled, stored=found.objects, digests=found.digests), info
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

    def _data(self, task_id: int) -> dict[str, object]:
        return self.session.call(f"read task {task_id}", lambda sdk: stored_task(sdk, task_id)).data

    def _record(self, task_id: int, annotation_id: int | None) -> ResultRecord:
        """The labels that count. Raises NotFound if they were deleted meanwhile."""
        found = self._annotation(task_id, annotation_id) if self.labels_from is not LabelsFrom.PREDICTIONS else None
        if found is None and self.labels_from is not LabelsFrom.ANNOTATIONS:
            found = self._prediction(task_id)
        if found is None:
            raise NotFound(f"task {task_id} has no labels any more; export again")
        return found

    def _annotations(self, task_id: int) -> list[AnnotationRecord]:
        """The annotations that count, oldest first: of the chosen user, or of everybody."""
        listed = Annotations(self.session).of_task(TaskKey(self.project_id, task_id))
        is_of_all = self.annotator.way is not AnnotatorChoice.Way.USER
        return [a for a in listed if not a.was_cancelled and (is_of_all or a.user == str(self.annotator.user))]

    def _annotation(self, task_id: int, annotation_id: int | None) -> ResultRecord | None:
        kept = self._annotations(task_id)
        chosen = [each for each in kept if annotation_id in (None, each.annotation_id)]
        if not chosen:
            return None
        newest = chosen[-1]
        about = {
            "annotation": newest.annotation_id,
            "other_annotations": len(kept) - 1,
            "by": newest.user or None,
            "updated": newest.updated_at,
            "from_prediction": newest.parent_prediction,
        }
        return ResultRecord(True, newest.result, about, "", author_of(newest))

    def _prediction(self, task_id: int) -> ResultRecord | None:
        listed: list[Any] = self.session.call(
            f"list the predictions of task {task_id}", lambda sdk: sdk.predictions.list(task=task_id)
        )
        if not listed:
            return None
        newest = max(listed, key=lambda prediction: int(prediction.id))
        about = {"prediction": int(newest.id), "other_predictions": len(listed) - 1, "score": newest.score}
        return ResultRecord(False, list(newest.result or []), about, str(newest.model_version or ""), "")


_WANTED = {
    LabelsFrom.ANNOTATIONS: "annotations",
    LabelsFrom.PREDICTIONS: "predictions",
    LabelsFrom.BOTH: "annotations or predictions",
}


def _several(project_id: int, several: Mapping[int, int]) -> str:
    task_id, count = max(several.items(), key=lambda item: item[1])
    tasks = "1 task has" if len(several) == 1 else f"{len(several)} tasks have"
    return (
        f"in project {project_id} {tasks} several annotations (task {task_id}: {count}); choose with --annotator: "
        "newest, best, consensus, trusted-consensus, each (a video per annotation), or a Label Studio user's number"
    )


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
