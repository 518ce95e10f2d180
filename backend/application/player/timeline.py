"""The lanes of the player's timeline: where each object is present, human or uncertain, and what to look at next."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from backend.application.annotation.annotation_service import FIRST_FRAME, UserTask
from backend.application.player.current_masks import MAX_LAYERS, CurrentMasks, Key, is_forgotten
from backend.application.player.prediction_start import PredictionStart
from backend.application.player.prompt_index import PromptIndex, index_of
from backend.application.player.runs import UserRun
from backend.application.player.user_record import UserRecord
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.masks import MaskCodec
from backend.application.review.next_frames import ReviewFrame, ReviewVideo, next_frames, review_frame, task_video
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.jobs import JobState
from backend.domain.masklets import MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.recent import Recent
from backend.domain.replan import ranges_of
from backend.domain.uncertainty.prioritization import Reason
from backend.domain.verdicts import MaskDigests
from backend.domain.video import FrameRange

RUNS_KEPT = 16
TIMELINES_KEPT = 64
VIDEOS_KEPT = 4
NEXT_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Lane:
    """One object's frames. human: its human frames. uncertainty: frame and value of each mask of the model.

    digest: changes with every mask of the object.
    """

    present: tuple[FrameRange, ...]
    absent: tuple[FrameRange, ...]
    human: tuple[int, ...]
    uncertainty: tuple[tuple[int, float], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class UncertainFrame:
    """A frame to look at, the object that is most uncertain there, and the expected gain of a correction."""

    frame_index: int
    object_id: ObjectId
    gain: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """lanes: by object. next_uncertain: best first; empty while a propagation runs."""

    lanes: Mapping[ObjectId, Lane]
    next_uncertain: tuple[UncertainFrame, ...]


_Frames = Mapping[Key, tuple[float, float]]
"""By object and frame: the mask's share of the frame's area, 0 if the object is absent, and the uncertainty."""

_Shown = Mapping[Key, tuple[float, float | None]]
"""The same of the current masks; None: not of the model."""


@dataclass(slots=True)
class _RunFrames:
    """The frames of a run's records so far: the mask's share of the frame, and the uncertainty.

    review: the same for the choice of the next frames; None if it is not kept. Only the newest run's is needed, once.
    is_whole: whether the last read came to the end of the records.
    """

    frames: dict[Key, tuple[float, float]] = field(default_factory=dict)
    review: dict[ObjectId, dict[int, ReviewFrame]] | None = field(default_factory=dict)
    position: int = 0
    is_whole: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        self.frames[object_id, frame.frame_index] = (frame.evidence.area_rel, frame.uncertainty)
        if self.review is not None:
            self.review.setdefault(object_id, {})[frame.frame_index] = review_frame(frame)
        self.position += 1

    def take_review(self) -> dict[ObjectId, tuple[ReviewFrame, ...]] | None:
        """The frames of each object in order, which are no longer kept here; None if they are not known."""
        with self.lock:
            taken, self.review = self.review, None
            if not taken or not self.is_whole:
                return None
            return {object_id: tuple(seen for _, seen in sorted(frames.items())) for object_id, frames in taken.items()}


class Timelines:
    """Makes timelines. Keeps what it has read in memory: of a growing run only new records are read. Thread-safe."""

    def __init__(self, masks: CurrentMasks, key_values: KeyValueStore) -> None:
        self._masks = masks
        self._key_values = key_values
        self._runs: Recent[str, _RunFrames] = Recent(RUNS_KEPT)
        self._made: Recent[UserTask, tuple[object, Timeline]] = Recent(TIMELINES_KEPT)
        self._videos: Recent[str, ReviewVideo] = Recent(VIDEOS_KEPT)

    def of(self, user_task: UserTask) -> Timeline:
        """The timeline of the user's current masks."""
        index = self._masks.indices.of(user_task)
        record = self._masks.records.read(user_task.task, user_task.user)
        layers = self._layers(user_task)
        newest = self._masks.runs.newest(user_task)
        state = (
            index.version,
            record,
            [(run.job.job_id, run.job.attempt, run.job.state, len(frames)) for run, frames in layers],
            None if newest is None else newest.job.state,
        )
        known = self._made.get(user_task)
        if known is not None and known[0] == state:
            return known[1]
        timeline = Timeline(_lanes(index, record, layers), self._next_uncertain(newest, index, record))
        self._made.put(user_task, (state, timeline))
        return timeline

    def digests(self, user_task: UserTask) -> MaskDigests:
        """The digests of the user's current masks."""
        return _digests(self.of(user_task).lanes)

    def shown_digests(self, user_task: UserTask) -> MaskDigests:
        """The digests for the user's verdicts: of the objects that the player shows, at the start the prediction's.

        A verdict on the whole task at the start is on no masks: it objects to whatever masks the task has.
        """
        shown = self.digests(PredictionStart(self._masks).view_of(user_task))
        return MaskDigests(shown.objects, self.digests(user_task).task)

    def _layers(self, user_task: UserTask) -> list[tuple[UserRun, _Frames]]:
        """The user's newest runs with masks, newest first."""
        layers: list[tuple[UserRun, _Frames]] = []
        for run in self._masks.layered_runs(user_task):
            for name in run.run_names:
                if found := self._read(name, is_newest=not layers):
                    layers.append((run, found))
            if len(layers) >= MAX_LAYERS:
                break
        return layers[:MAX_LAYERS]

    def _read(self, name: str, *, is_newest: bool) -> _Frames:
        found = self._runs.get_or_put(name, _RunFrames)
        with found.lock:
            found.is_whole = False
            if not is_newest:
                found.review = None
            with suppress(NotFound, IntegrityError):
                for object_id, frame in self._masks.service.masks.records(name, found.position):
                    found.add(object_id, frame)
                found.is_whole = True
            return dict(found.frames)

    def _next_uncertain(
        self, newest: UserRun | None, index: PromptIndex, record: UserRecord
    ) -> tuple[UncertainFrame, ...]:
        """The frames to review of the newest run, in the order of gain; prompted frames count as done."""
        if newest is None or newest.job.state is not JobState.DONE:
            return ()
        try:
            video = self._video(newest)
        except (NotFound, IntegrityError):
            return ()
        objects = {
            object_id: tuple(_reviewed(frame, (object_id, frame.frame_index) in index.digests) for frame in frames)
            for object_id, frames in video.objects.items()
            if frames and object_id in index.object_ids and not is_forgotten(record, object_id, newest.job)
        }
        if not objects:
            return ()
        chosen = next_frames([replace(video, objects=objects)], NEXT_FRAMES, rng=np.random.default_rng(0))
        return tuple(
            UncertainFrame(int(each.choice.frame_index), each.object_id, each.choice.gain)
            for each in chosen
            if each.choice.reason is Reason.GAIN
        )

    def _video(self, run: UserRun) -> ReviewVideo:
        """The run as a video to review, from the records that its lanes were made of, or read anew."""
        name, masks = run.job.masks_run, self._masks.service.masks
        video = self._videos.get(name)
        if video is None:
            frames = self._runs.get_or_put(name, _RunFrames).take_review()
            if frames is None:
                video = task_video(run.job, masks, self._key_values)
            else:
                header = task_video(run.job, masks, self._key_values, frames=FIRST_FRAME)
                video = replace(header, objects=frames)
            self._videos.put(name, video)
        return video


def digests_of_run(
    prompts: PromptSet, records: Iterable[tuple[ObjectId, MaskletFrame]], codec: MaskCodec
) -> MaskDigests:
    """The digests that a user's masks have after a propagation of the whole video, as long as nothing changes.

    prompts: those of the propagation. records: its masks.
    """
    index = index_of(prompts, codec)
    shown = _human_frames(index)
    for object_id, frame in records:
        if object_id in index.object_ids:
            shown.setdefault((object_id, frame.frame_index), (frame.evidence.area_rel, frame.uncertainty))
    return _digests({object_id: _lane(object_id, shown, index) for object_id in index.object_ids})


def _digests(lanes: Mapping[ObjectId, Lane]) -> MaskDigests:
    return MaskDigests.of({object_id: lane.digest for object_id, lane in lanes.items()})


def _human_frames(index: PromptIndex) -> dict[Key, tuple[float, float | None]]:
    return {key: (float(mask is not None), None) for key, mask in index.human.items()}


def _lanes(index: PromptIndex, record: UserRecord, layers: list[tuple[UserRun, _Frames]]) -> dict[ObjectId, Lane]:
    """The lanes by the rule of CurrentMasks; a frame with a preview counts as present and certain."""
    objects = index.object_ids
    shown = _human_frames(index)
    for run, made in layers:
        gone = {object_id for object_id in objects if is_forgotten(record, object_id, run.job)}
        for key, mask in made.items():
            if key not in shown and key[0] in objects and key[0] not in gone and run.is_current(index.digests, key):
                shown[key] = mask
    for key in record.previews:
        if key[0] in objects:
            shown.setdefault(key, (1.0, 0.0))
    return {object_id: _lane(object_id, shown, index) for object_id in objects}


def _lane(object_id: ObjectId, shown: _Shown, index: PromptIndex) -> Lane:
    own = sorted((key[1], *value) for key, value in shown.items() if key[0] == object_id)
    return Lane(
        present=ranges_of(frame for frame, area, _ in own if area),
        absent=ranges_of(frame for frame, area, _ in own if not area),
        human=tuple(sorted(key[1] for key in index.human if key[0] == object_id)),
        uncertainty=tuple((frame, value) for frame, _, value in own if value is not None),
        digest=_digest(own, {key[1]: digest for key, digest in index.digests.items() if key[0] == object_id}),
    )


def _digest(own: Sequence[tuple[int, float, float | None]], prompts: Mapping[int, str]) -> str:
    """SHA-256, hex, of an object's masks: a mask of the model by area and uncertainty, the others by their prompts.

    Reading the masks themselves takes too long, and no two masks of a frame have the same figures in all bits.
    """
    figures = np.array([(frame, area, -1.0 if value is None else value) for frame, area, value in own], np.float64)
    return hashlib.sha256(figures.tobytes() + json.dumps(sorted(prompts.items())).encode()).hexdigest()


def _reviewed(frame: ReviewFrame, is_done: bool) -> ReviewFrame:
    return replace(frame, origin=MaskOrigin.HUMAN, uncertainty=0.0) if is_done else frame
