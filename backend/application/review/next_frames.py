"""The choice of the next frames to review, over all propagated videos.

Owns the curves of stored runs, and the ranking of frames of several videos in one list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.application.jobs.queries import newest_propagations
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.worker.shot_cuts import known_cuts
from backend.domain.jobs import Job
from backend.domain.masklets import MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prioritization import DEFAULT_POLICY, Choice, FrameCurve, Reason, choose_frames, is_done
from backend.domain.prompts import ObjectId
from backend.domain.shots import shots_of
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex, FrameRange

CALIBRATED = re.compile(r"-u[0-9a-f]{8}$")
"""The end of a calibrated model's version."""


def is_probability(model_version: str) -> bool:
    """Whether the uncertainty of this model version is calibrated."""
    return CALIBRATED.search(model_version) is not None


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

    cuts: known first frames of shots, ascending.
    """

    name: str
    frame_count: int
    frame_rate: float
    model_version: str
    objects: dict[ObjectId, tuple[ReviewFrame, ...]]
    task: TaskKey | None = None
    cuts: tuple[int, ...] = ()

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

    def document(self) -> dict[str, object]:
        """As JSON, for other tools."""
        task = self.video.task
        return {
            "video": self.video.name,
            "project": task.project_id if task else None,
            "task": task.task_id if task else None,
            "frame": int(self.choice.frame_index),
            "object": self.object_id,
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

    With several videos, gains are compared across them, and audits are drawn with equal probability from all frames
    of all videos that are neither taken nor chosen.
    """
    if len(videos) == 1:
        (video,) = videos
        chosen = choose_frames(video.curve(), count, policy=DEFAULT_POLICY, rng=rng, frame_rate=video.frame_rate)
        return _listed([(video, choice) for choice in chosen])
    audits = round(DEFAULT_POLICY.audit_share * count) if count >= 5 else 0
    by_gain = DEFAULT_POLICY.by_gain_alone
    found = [
        (position, choice)
        for position, video in enumerate(videos)
        for choice in choose_frames(video.curve(), count, policy=by_gain, rng=rng, frame_rate=video.frame_rate)
    ]
    found.sort(key=lambda entry: -entry[1].gain)
    kept = found[: count - audits]
    kept += _drawn(videos, {(position, int(choice.frame_index)) for position, choice in kept}, audits, rng)
    return _listed([(videos[position], choice) for position, choice in kept])


def _drawn(
    videos: Sequence[ReviewVideo], chosen: Collection[tuple[int, int]], count: int, rng: np.random.Generator
) -> list[tuple[int, Choice]]:
    """Audits, each with the position of its video."""
    left = [
        (position, index)
        for position, curve in enumerate(video.curve() for video in videos)
        for index in curve.frames.tolist()
        if index not in curve.corrected and (position, index) not in chosen
    ]
    drawn = sorted(rng.permutation(len(left))[:count].tolist())
    return [(left[at][0], Choice(FrameIndex(left[at][1]), Reason.AUDIT, 0.0)) for at in drawn]


def all_done(videos: Sequence[ReviewVideo]) -> bool:
    """Whether every frame that is not a human frame is certain enough."""
    return all(is_done(video.curve()) for video in videos)


def project_videos(ledger: Ledger, masks: MaskStore, key_values: KeyValueStore, project_id: int) -> list[ReviewVideo]:
    """The newest finished propagation of every task of a project."""
    return [task_video(job, masks, key_values) for job in newest_propagations(ledger, project_id=project_id)]


def task_video(
    job: Job, masks: MaskStore, key_values: KeyValueStore, *, frames: FrameRange | None = None
) -> ReviewVideo:
    """A finished propagation as a video to review, with its known cuts. frames: those to read; None: all.

    Raises NotFound or IntegrityError for masks that are gone or damaged.
    """
    run = masks.read(job.masks_run, frames)
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
