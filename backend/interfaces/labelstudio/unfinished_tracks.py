"""Box tracks that the page may hold unfinished, and their completion in a submitted annotation.

The page drops an answer that arrives after its next request, and an answer at the deadline has the frames so far. So
the state of every sent box is noted, and that of every unfinished track in an answer. A region of an annotation in such
a state is completed when its propagation is done; a region in any other state is a person's, and stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.config.label_config import ControlKind
from backend.adapters.labelstudio.writing.progress import without_progress
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.labelstudio.written_regions import Item, digest_of
from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.jobs.queries import propagations
from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import NotYet
from backend.domain.masklets import MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey

FOLDER = "tracks"
MAX_STATES = 16
"""The states kept of one track: more than a person makes of it before Submit."""


@dataclass(frozen=True, slots=True)
class UnfinishedTracks:
    """The noted states. A state counts for the model version whose answer it waits for."""

    key_values: KeyValueStore

    def note(self, task: TaskKey, model_version: str, regions: Iterable[object]) -> None:
        """Notes the state of these regions; regions other than boxes of a video are left out."""
        for region_id, region in _boxes(regions):
            state = _state(region, model_version)
            known = self._states(task, region_id)
            if state not in known:
                kept = [*known, state][-MAX_STATES:]
                self.key_values.write(_name(task, region_id), json.dumps(kept).encode())

    def among(self, task: TaskKey, model_version: str, result: Iterable[object]) -> frozenset[str]:
        """The ids of the regions that are in a noted state."""
        boxes = _boxes(result)
        return frozenset(name for name, box in boxes if _state(box, model_version) in self._states(task, name))

    def _states(self, task: TaskKey, region_id: str) -> list[str]:
        body = self.key_values.read(_name(task, region_id))
        return [] if body is None else [str(state) for state in json.loads(body)]


@dataclass(frozen=True, slots=True)
class TrackCompletion:
    """Completes the unfinished tracks of an annotation."""

    service: AnnotationService
    tracks: UnfinishedTracks

    def completed(self, user_task: UserTask, result: Sequence[object]) -> list[object] | None:
        """The result with whole tracks in place of unfinished ones; None if it has no unfinished track.

        A track without prompts of the user stays as it is. Raises NotYet if a propagation is not done.
        """
        prompts = self.service.ledger.prompts(user_task.task, user=user_task.user)
        unfinished = self.tracks.among(user_task.task, user_task.model_version, result)
        whole = {name: self._whole(user_task, prompts, ObjectId(name)) for name in unfinished & set(prompts.object_ids)}
        changed = [_completed(item, whole.get(_id_of(item))) for item in result]
        return None if changed == list(result) else changed

    def _whole(self, user_task: UserTask, prompts: PromptSet, object_id: ObjectId) -> Item | None:
        """The region of the whole track; None if the object is on no frame."""
        run = self._run(user_task, prompts, object_id)
        regions = build_regions(run, label_config=user_task.label_config, task=user_task.task, prompts=prompts)
        return dict(_boxes(regions)).get(object_id)

    def _run(self, user_task: UserTask, prompts: PromptSet, object_id: ObjectId) -> MaskRun:
        """The object's masks, all made from its prompts as they are now."""
        wanted = prompts.of_object(object_id).digest()
        for job in propagations(self.service.ledger, user_task.task, model_version=user_task.model_version):
            request = self.service.ledger.request(job.job_id)
            if request.media != user_task.media or request.prompts.of_object(object_id).digest() != wanted:
                continue
            run = self.service.masks_of(job)
            found = [] if run is None else [masklet for masklet in run.masklets if masklet.object_id == object_id]
            if run is not None and found and len(found[0].frames) == run.video.frame_count:
                return replace(run, masklets=(found[0],))
        raise NotYet(f"the track of {object_id!r} is not finished yet")


def _completed(item: object, whole: Item | None) -> object:
    """The region with the keyframes and the score of the whole track, without the note on its progress."""
    if whole is None or not isinstance(item, dict) or digest_of(item) == digest_of(whole):
        return item
    value, made = item["value"], whole["value"]
    assert isinstance(value, dict), "checked by _boxes"
    assert isinstance(made, dict), "written by build_regions"
    meta = without_progress(item.get("meta"))
    kept = {name: field for name, field in item.items() if name != "meta"}
    region = {**kept, "value": {**value, "sequence": made["sequence"]}, "score": whole["score"]}
    return {**region, "meta": meta} if meta else region


def _boxes(regions: Iterable[object]) -> list[tuple[str, Item]]:
    """The boxes of a video among the regions of a result, with their ids."""
    return [
        (str(region["id"]), region)
        for region in regions
        if isinstance(region, dict)
        and region.get("type") == ControlKind.VIDEO_RECTANGLE.value
        and isinstance(region.get("id"), str)
        and isinstance(region.get("value"), dict)
    ]


def _id_of(item: object) -> str:
    return str(item.get("id")) if isinstance(item, dict) else ""


def _state(region: Mapping[str, object], model_version: str) -> str:
    return f"{model_version} {digest_of(region)}"


def _name(task: TaskKey, region_id: str) -> str:
    digest = hashlib.sha256(region_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f"{FOLDER}/{task.project_id}-{task.task_id}/{digest}"
