"""The choice of the next frames to review, over all propagated videos.

Owns the curves of stored runs, and the ranking of frames of several videos in one list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from backend.application.jobs.queries import newest_propagations
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.ports.progress import counted
from backend.application.worker.shot_cuts import known_cuts
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.jobs import Job
from backend.domain.masklets import MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.shots import shots_of
from backend.domain.tasks import TaskKey
from backend.domain.uncertainty.calibration import is_probability
from backend.domain.uncertainty.prioritization import (
    DEFAULT_POLICY,
    Choice,
    FrameCurve,
    Reason,
    choose_frames,
    is_done,
    unsuspected_frames,
)
from backend.domain.video import FrameIndex, FrameRange


def object_name(object_id: ObjectId, labels: Mapping[ObjectId, str]) -> str:
    """An object's label, with its number among those of one label: "Cat", "Cat 2". Without a label, its id.

    labels: of all objects of the video, in its order.
    """
    label = labels.get(object_id)
    if not label:
        return str(object_id)
    number = [each for each in labels if labels[each] == label].index(object_id) + 1
    return label if number == 1 else f"{label} {number}"


@dataclass(frozen=True, slots=True)
class ReviewFrame:
    """One object's uncertainty and origin on one frame. look: its embedding, or empty."""

    frame_index: FrameIndex
    uncertainty: float
    origin: MaskOrigin
    embedding: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewVideo:
    """A propagated video. is_probability: whether its uncertainties are calibrated; they are ranks if not.

    cuts: known first frames of shots, ascending. labels: of the objects, where they are known.
    """

    name: str
    frame_count: int
    frame_rate: float
    model_version: str
    objects: dict[ObjectId, tuple[ReviewFrame, ...]]
    task: TaskKey | None = None
    cuts: tuple[int, ...] = ()
    labels: Mapping[ObjectId, str] = field(default_factory=dict)

    @property
    def is_probability(self) -> bool:
        return is_probability(self.model_version)

    def curve(self) -> FrameCurve:
        """The frames with masks. A frame has the uncertainty and embedding of its most uncertain object.

        A frame is taken if a person drew all of its objects.
        """
        worst: dict[int, ReviewFrame] = {}
        drawn: dict[int, bool] = {}
        for frames in self.objects.values():
            for seen in frames:
                index = int(seen.frame_index)
                drawn[index] = drawn.get(index, True) and seen.origin is MaskOrigin.HUMAN
                if index not in worst or seen.uncertainty > worst[index].uncertainty:
                    worst[index] = seen
        order = sorted(worst)
        width = max((len(seen.embedding) for seen in worst.values()), default=0)
        looks = np.array([worst[index].embedding or (0.0,) * width for index in order], np.float64)
        return FrameCurve(
            frames=np.array(order, np.int64),
            uncertainty=np.array([worst[index].uncertainty for index in order], np.float64),
            embeddings=looks.reshape(len(order), width),
            corrected=frozenset(index for index, by_hand in drawn.items() if by_hand),
            shots=shots_of(np.array(order, np.int64), self.cuts) if self.cuts else None,
        )

    def object_name(self, object_id: ObjectId) -> str:
        """An object's label, with its number among those of one label: "Cat", "Cat 2". Without a label, its id."""
        return object_name(object_id, {each: self.labels.get(each, "") for each in self.objects})

    def worst_object(self, frame_index: int) -> tuple[ObjectId, float]:
        """The most uncertain object of a frame."""
        at_frame = (
            (object_id, seen.uncertainty)
            for object_id, frames in self.objects.items()
            for seen in frames
            if seen.frame_index == frame_index
        )
        return max(at_frame, key=lambda entry: entry[1])


@dataclass(frozen=True, slots=True)
class NextFrame:
    """A frame to review. priority: 1 for the first of the list, falling to 0; the sort key of the list."""

    video: ReviewVideo
    choice: Choice
    object_id: ObjectId
    uncertainty: float
    priority: float

    @property
    def page(self) -> int:
        """The frame as Label Studio's pages and the player count: from 1."""
        return int(self.choice.frame_index) + 1

    @property
    def object_name(self) -> str:
        return self.video.object_name(self.object_id)

    def document(self) -> dict[str, object]:
        """As JSON, for other tools."""
        task = self.video.task
        return {
            "video": self.video.name,
            "project": task.project_id if task else None,
            "task": task.task_id if task else None,
            "frame": int(self.choice.frame_index),
            "page": self.page,
            "object": self.object_id,
            "object_name": self.object_name,
            "uncertainty": round(self.uncertainty, 4),
            "is_probability": self.video.is_probability,
            "gain": round(self.choice.gain, 4),
            "priority": round(self.priority, 4),
            "reason": self.choice.reason.value,
        }


def next_frames(
    videos: Sequence[ReviewVideo],
    count: int,
    *,
    rng: np.random.Generator,
) -> tuple[NextFrame, ...]:
    """Up to `count` frames over all videos, the most useful first.

    With several videos, gains are compared across them, and audits are drawn with equal probability from all
    unsuspected frames of all videos that are not chosen.
    """
    if len(videos) == 1:
        (video,) = videos
        chosen = choose_frames(video.curve(), count, policy=DEFAULT_POLICY, rng=rng, frame_rate=video.frame_rate)
        return _listed([(video, choice) for choice in chosen])
    unsuspected = [(n, index) for n, video in enumerate(videos) for index in unsuspected_frames(video.curve()).tolist()]
    audits = min(round(DEFAULT_POLICY.audit_share * count), len(unsuspected)) if count >= 5 else 0
    by_gain = DEFAULT_POLICY.by_gain_alone
    found = [
        (position, choice)
        for position, video in enumerate(videos)
        for choice in choose_frames(video.curve(), count, policy=by_gain, rng=rng, frame_rate=video.frame_rate)
    ]
    found.sort(key=lambda entry: -entry[1].gain)
    kept = found[: count - audits]
    chosen_frames = {(position, int(choice.frame_index)) for position, choice in kept}
    kept += _drawn([frame for frame in unsuspected if frame not in chosen_frames], audits, rng)
    return _listed([(videos[position], choice) for position, choice in kept])


def _drawn(frames: Sequence[tuple[int, int]], count: int, rng: np.random.Generator) -> list[tuple[int, Choice]]:
    """Audits among (position of the video, frame index), each with the position of its video."""
    drawn = sorted(rng.permutation(len(frames))[:count].tolist())
    return [(frames[at][0], Choice(FrameIndex(frames[at][1]), Reason.AUDIT, 0.0)) for at in drawn]


def all_done(videos: Sequence[ReviewVideo]) -> bool:
    """Whether every frame that is not a human frame is certain enough."""
    return all(is_done(video.curve()) for video in videos)


def project_videos(
    ledger: Ledger, masks: MaskStore, key_values: KeyValueStore, project_id: int, *, names: Mapping[TaskKey, str]
) -> list[ReviewVideo]:
    """The newest finished propagation of every task of a project. names: of imported tasks."""
    jobs = newest_propagations(ledger, project_id=project_id)
    videos = [task_video(job, masks, key_values) for job in counted(jobs, "videos")]
    return [replace(video, name=names.get(video.task, video.name)) if video.task else video for video in videos]


def task_video(
    job: Job, masks: MaskStore, key_values: KeyValueStore, *, frames: FrameRange | None = None
) -> ReviewVideo:
    """A finished propagation as a video to review, with its known cuts. frames: those to read; None: all.

    Raises NotFound or IntegrityError, which name the task, for masks that are gone or damaged.
    """
    try:
        run = masks.read(job.masks_run, frames)
    except (NotFound, IntegrityError) as error:
        raise type(error)(f"task {job.task}: {error}") from error
    video = review_video(run, f"task {job.task.task_id}", job.model_version, task=job.task)
    return replace(video, cuts=known_cuts(key_values, run.video.content_hash))


def review_video(run: MaskRun, name: str, model_version: str, *, task: TaskKey | None = None) -> ReviewVideo:
    """A stored run as a video to review."""
    return ReviewVideo(
        name=name,
        frame_count=run.video.frame_count,
        frame_rate=float(run.video.frame_rate),
        model_version=model_version,
        objects={masklet.object_id: tuple(review_frame(frame) for frame in masklet.frames) for masklet in run.masklets},
        task=task,
        labels={masklet.object_id: masklet.label for masklet in run.masklets},
    )


def _listed(chosen: Sequence[tuple[ReviewVideo, Choice]]) -> tuple[NextFrame, ...]:
    listed = []
    for position, (video, choice) in enumerate(chosen):
        object_id, uncertainty = video.worst_object(choice.frame_index)
        listed.append(NextFrame(video, choice, object_id, uncertainty, 1.0 - position / len(chosen)))
    return tuple(listed)


def review_frame(frame: MaskletFrame) -> ReviewFrame:
    """A stored mask as a frame to review."""
    return ReviewFrame(frame.frame_index, frame.uncertainty, frame.origin, frame.evidence.embedding)
