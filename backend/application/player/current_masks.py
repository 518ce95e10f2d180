"""The user's current masks: human frames first, then the masks made from the prompts as they are now.

A mask on a frame counts as current if it was made from the same prompt of its object on that frame, or without one on
a frame that has none. So a preview shows a changed prompt until a propagation includes it. Where the newest run has no
mask, older runs of the user show theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.player.prompt_index import PromptIndex, PromptIndices, encoded_prompt
from backend.application.player.runs import UserRun, UserRuns
from backend.application.player.user_record import UserRecord, UserRecords
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.masks import MaskCodec
from backend.domain.errors import IntegrityError, NotFound, PromptError
from backend.domain.geometry import Box
from backend.domain.jobs import Job, JobState
from backend.domain.masklets import EncodedMask, MaskletFrame, MaskOrigin, MaskRun, origin_of
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.video import FrameIndex, FrameRange

MAX_FRAMES = 240
"""The most frames that one call reads."""

MAX_LAYERS = 4
"""The most runs that are read for the masks of a frame."""

Key = tuple[ObjectId, FrameIndex]


@dataclass(frozen=True, slots=True)
class CurrentMask:
    """One object on one frame. mask: None if the object is absent. box: of the mask. uncertainty: 0..1."""

    object_id: ObjectId
    frame_index: FrameIndex
    mask: EncodedMask | None
    origin: MaskOrigin
    uncertainty: float
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class CurrentMasks:
    """Reads masks for the player."""

    service: AnnotationService
    records: UserRecords
    runs: UserRuns
    codec: MaskCodec
    indices: PromptIndices

    def on(self, user_task: UserTask, frames: FrameRange) -> tuple[CurrentMask, ...]:
        """The masks on a range of frames, by frame and object. Raises PromptError for more than MAX_FRAMES frames."""
        if len(frames) > MAX_FRAMES:
            raise PromptError(f"at most {MAX_FRAMES} frames are read in one call, got {len(frames)}")
        index = self.indices.of(user_task)
        search = _Search(index, self.records.read(user_task.task, user_task.user), frames)
        search.add_human()
        if index.object_ids:
            self._add_runs(user_task, search)
            self._add_previews(search)
        return tuple(sorted(search.found.values(), key=lambda mask: (mask.frame_index, mask.object_id)))

    def preview_mask(self, job_id: str, key: Key) -> CurrentMask | None:
        """An object's mask in a finished preview; None if it was removed."""
        with suppress(NotFound, IntegrityError):
            job = self.service.ledger.job(job_id)
            if job.state is JobState.DONE:
                return mask_in(self.service.masks.read(job.masks_run), key)
        return None

    def _add_runs(self, user_task: UserTask, search: _Search) -> None:
        for run, masks in self.layers(user_task, search.frames):
            search.add_run(run, masks)
            for key in search.mismatched():
                self._add_preview(search, key)
            if search.is_complete:
                return

    def _add_previews(self, search: _Search) -> None:
        for key in search.previewed():
            self._add_preview(search, key)

    def _add_preview(self, search: _Search, key: Key) -> None:
        mask = self.preview_mask(search.record.previews[key], key)
        if mask is not None:
            search.found[key] = mask

    def layers(self, user_task: UserTask, frames: FrameRange) -> Iterator[tuple[UserRun, MaskRun]]:
        """The user's newest runs with masks on these frames, newest first, at most MAX_LAYERS.

        Among them are those of the prediction from which the user started.
        """
        count = 0
        for run in self.layered_runs(user_task):
            for name in run.run_names:
                with suppress(NotFound, IntegrityError):
                    masks = self.service.masks.partial(name, frames)
                    if masks is not None:
                        yield run, masks
                        count += 1
                if count == MAX_LAYERS:
                    return

    def layered_runs(self, user_task: UserTask) -> Iterator[UserRun]:
        """The runs whose masks may be shown, with masks or not, newest first."""
        record = self.records.read(user_task.task, user_task.user)
        return self.runs.of(user_task, with_unnamed=record.starts_from_prediction)


@dataclass(slots=True)
class _Search:
    """The masks found so far on a range of frames."""

    index: PromptIndex
    record: UserRecord
    frames: FrameRange
    found: dict[Key, CurrentMask] = field(default_factory=dict)
    objects: frozenset[ObjectId] = field(init=False)
    _mismatched: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.objects = frozenset(self.index.object_ids)

    @property
    def is_complete(self) -> bool:
        return len(self.found) == len(self.objects) * len(self.frames)

    def add_human(self) -> None:
        for (object_id, frame_index), mask in self.index.human.items():
            if frame_index in self.frames:
                key = (object_id, frame_index)
                self.found[key] = CurrentMask(object_id, frame_index, mask, MaskOrigin.HUMAN, 0.0)

    def add_run(self, run: UserRun, masks: MaskRun) -> None:
        for masklet in masks.masklets:
            if masklet.object_id not in self.objects or is_forgotten(self.record, masklet.object_id, run.job):
                continue
            for frame in masklet.frames:
                key = (masklet.object_id, frame.frame_index)
                if key in self.found or frame.frame_index not in self.frames:
                    continue
                if run.is_current(self.index.digests, key):
                    self.found[key] = mask_of(masklet.object_id, frame)
                elif key in self.record.previews:
                    self._mismatched.add(key)

    def mismatched(self) -> tuple[Key, ...]:
        """Keys whose newest mask was made from another prompt, and that have a preview."""
        keys = tuple(key for key in self._mismatched if key not in self.found)
        self._mismatched.clear()
        return keys

    def previewed(self) -> tuple[Key, ...]:
        """Keys without a mask so far that have a preview."""
        return tuple(
            key
            for key in self.record.previews
            if key not in self.found and key[0] in self.objects and key[1] in self.frames
        )


def open_current_masks(service: AnnotationService, key_values: KeyValueStore, codec: MaskCodec) -> CurrentMasks:
    """The masks of the service's ledger and mask store."""
    ledger = service.ledger
    return CurrentMasks(service, UserRecords(key_values), UserRuns(ledger), codec, PromptIndices(ledger, codec))


def prompt_mask(prompt: FramePrompt, codec: MaskCodec) -> CurrentMask:
    """The mask of a mask prompt, which may be an automatic one."""
    assert prompt.mask is not None, "only mask prompts have a mask"
    encoded = encoded_prompt(prompt.mask, codec)
    uncertainty = 0.0 if prompt.automatic is None else 1.0 - prompt.automatic
    return CurrentMask(prompt.object_id, prompt.frame_index, encoded, origin_of(prompt), uncertainty)


def mask_of(object_id: ObjectId, frame: MaskletFrame) -> CurrentMask:
    """A stored mask; absent if it is empty."""
    encoded = frame.mask if frame.evidence.area_rel > 0 else None
    box = frame.evidence.box if encoded is not None else None
    return CurrentMask(object_id, frame.frame_index, encoded, frame.origin, frame.uncertainty, box)


def mask_in(run: MaskRun, key: Key) -> CurrentMask | None:
    """An object's mask on a frame of a run; None without one."""
    for masklet in run.masklets:
        for frame in masklet.frames:
            if (masklet.object_id, frame.frame_index) == key:
                return mask_of(masklet.object_id, frame)
    return None


def is_forgotten(record: UserRecord, object_id: ObjectId, job: Job) -> bool:
    """Whether the object was forgotten after the job last changed."""
    return job.updated_s <= record.forgotten_s.get(object_id, float("-inf"))
