"""Measures the annotations of one task: agreement frame by frame, gold, and verdicts of others.

Decoded masks of one frame are held at a time. A box counts as its pixels, and where one person has only a box, the
masks of others with that label count as their boxes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from backend.application.crowd.quality.crowd_tasks import SubmittedVideo
from backend.application.exports.agreement import (
    Group,
    Member,
    Overlaps,
    frames_together,
    joined_groups,
    labels_of,
    pixels_by_member,
)
from backend.application.ports.datasets import DatasetVideo
from backend.application.ports.masks import MaskCodec
from backend.domain.crowd.agreement import ObjectAgreement, pairs_of
from backend.domain.crowd.agreement_boundaries import boundary_f
from backend.domain.crowd.agreement_matching import best_matching
from backend.domain.crowd.agreement_measured import MeasuredTask
from backend.domain.crowd.gold import GoldMask
from backend.domain.errors import InvalidInput
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

MOST_FRAMES = 1000
"""Compared frames of a task; of a longer one those that are evenly spread."""

Pair = tuple[Member, Member]


@dataclass(slots=True)
class _Frames:
    """IoU and F of pairs of objects, and which objects are there, by frame."""

    frames: list[int] = field(default_factory=list)
    present: dict[Member, set[int]] = field(default_factory=lambda: defaultdict(set))
    iou: dict[Pair, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    boundary_f: dict[Pair, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def mean_iou(self, pair: Pair) -> float:
        """Over the frames on which either is there; 0 without any."""
        either = self.present[pair[0]] | self.present[pair[1]]
        return sum(self.iou[pair].values()) / len(either) if either else 0.0


def measured_task(task: TaskKey, submitted: Sequence[SubmittedVideo], codec: MaskCodec) -> MeasuredTask:
    """The agreement of several people's annotations, and the verdicts of others on each. Gold is added by `with_gold`.

    submitted: one for each person. Raises InvalidInput if they are of different videos.
    """
    videos = [each.video for each in submitted]
    require_one_video(task, videos)
    found = _measured_frames(videos, codec)
    groups = matched_groups(videos, found)
    labels = labels_of(videos)
    objects = tuple(_object(group, found, len(videos), labels[min(group.items())]) for group in groups)
    verdicts = {each.submission.user: _verdicts(each) for each in submitted}
    people = tuple(each.submission for each in submitted)
    return MeasuredTask(task, people, objects, verdicts={user: given for user, given in verdicts.items() if given})


def require_one_video(task: TaskKey, videos: Sequence[DatasetVideo]) -> None:
    """Raises InvalidInput unless all annotations are of as many frames of one size."""
    shapes = sorted({f"{v.info.frame_count} frames of {v.info.size.width}x{v.info.size.height}" for v in videos})
    if len(shapes) > 1:
        raise InvalidInput(
            f"the annotations of task {task} are of {' and of '.join(shapes)}: the task's video was changed; have "
            "those of the earlier one made again, or deleted"
        )


def matched_groups(videos: Sequence[DatasetVideo], found: _Frames) -> list[Group]:
    """The objects of all annotations, those that are the same in one group.

    Each two annotations are matched at the highest sum of mean IoUs, label by label; what is matched is joined, the
    highest mean IoU first.
    """
    labels = labels_of(videos)
    ious: dict[Pair, float] = {}
    for one, other in combinations(range(len(videos)), 2):
        for label in sorted({labels[member] for member in labels if member[0] == one}):
            rows = [member for member in labels if member[0] == one and labels[member] == label]
            columns = [member for member in labels if member[0] == other and labels[member] == label]
            gains = np.array([[found.mean_iou((row, column)) for column in columns] for row in rows])
            ious |= {(rows[at], columns[to]): float(gains[at, to]) for at, to in best_matching(gains)}
    return joined_groups(labels, ious)


def groups_by_matching(videos: Sequence[DatasetVideo], codec: MaskCodec) -> list[Group]:
    """`matched_groups` of annotations that are not measured yet."""
    return matched_groups(videos, _measured_frames(videos, codec, with_boundaries=False))


def gold_masks(video: DatasetVideo, truth: DatasetVideo, frames: Sequence[int], codec: MaskCodec) -> list[GoldMask]:
    """A person's masks compared with the truth on some frames: one for each object and frame on which either has it.

    On frames without the object both agree: IoU 1. An object that the truth lacks counts 0 where it is.
    """
    found = _measured_frames([video, truth], codec, only=frozenset(frames), with_boundaries=False)
    labels = labels_of([video, truth])
    masks = []
    for group in matched_groups([video, truth], found):
        own, true = _member(group, 0), _member(group, 1)
        for frame in found.frames:
            there = [member is not None and frame in found.present[member] for member in (own, true)]
            if true is None and not there[0]:
                continue
            iou = 1.0 if not any(there) else 0.0
            if own is not None and true is not None and all(there):
                iou = found.iou[own, true].get(frame, 0.0)
            masks.append(GoldMask(frame, labels[min(group.items())], iou))
    return masks


def _member(group: Group, at: int) -> Member | None:
    return (at, group[at]) if at in group else None


def _measured_frames(
    videos: Sequence[DatasetVideo],
    codec: MaskCodec,
    *,
    only: frozenset[int] | None = None,
    with_boundaries: bool = True,
) -> _Frames:
    found, overlaps, labels = _Frames(), Overlaps(), labels_of(videos)
    for frames in frames_together(videos):
        index = int(frames[0].frame_index)
        if not _is_compared(index, videos[0].info.frame_count, only):
            continue
        found.frames.append(index)
        pixels = pixels_by_member(frames, videos[0].info.size, codec, boxes_alike=True)
        pixels = {member: each for member, each in pixels.items() if each.any()}
        for member in pixels:
            found.present[member].add(index)
        for pair, shared in overlaps.add(pixels, labels).items():
            if shared:
                first, second = (pixels[member] for member in pair)
                found.iou[pair][index] = shared / (int(first.sum()) + int(second.sum()) - shared)
                if with_boundaries:
                    found.boundary_f[pair][index] = boundary_f(first, second)
    return found


def _is_compared(index: int, count: int, only: frozenset[int] | None) -> bool:
    if only is not None:
        return index in only
    step = max(math.ceil(count / MOST_FRAMES), 1)
    return index % step == 0


def _object(group: Group, found: _Frames, people: int, label: str) -> ObjectAgreement:
    """An object's arrays; a person who lacks it has it on no frame."""
    frames, pairs = found.frames, pairs_of(people)
    present = np.zeros((len(frames), people), np.bool_)
    for at, number in group.items():
        present[:, at] = [frame in found.present[at, number] for frame in frames]
    iou, edges = np.full((len(frames), len(pairs)), np.nan), np.full((len(frames), len(pairs)), np.nan)
    for column, (one, other) in enumerate(pairs):
        either = present[:, one] | present[:, other]
        iou[either, column] = edges[either, column] = 0.0
        if one in group and other in group:
            pair = ((one, group[one]), (other, group[other]))
            for row, frame in enumerate(frames):
                if frame in found.iou[pair]:
                    iou[row, column], edges[row, column] = found.iou[pair][frame], found.boundary_f[pair][frame]
    return ObjectAgreement(label, tuple(frames), iou, edges, present)


def _verdicts(submitted: SubmittedVideo) -> Mapping[Verdict, int]:
    """The count of each verdict of other people on the annotation's masks of now."""
    listed = submitted.video.verdicts.listed if submitted.video.verdicts else ()
    return Counter(
        each.shown.given.verdict
        for each in listed
        if each.user != submitted.submission.user and not each.shown.is_outdated
    )
