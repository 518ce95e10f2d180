"""Agreement of several people on one object, frame by frame: region (J), boundary (F) and presence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

AGREES_FROM = 0.75
"""The IoU from which two masks count as the same statement: SAM 2's data engine measures its alignment with it."""

WORST_SHARE = 0.1

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


def pairs_of(count: int) -> list[tuple[int, int]]:
    """The pairs of `count` people, in the order of the columns of ObjectAgreement."""
    return list(combinations(range(count), 2))


@dataclass(frozen=True, slots=True, eq=False)
class ObjectAgreement:
    """One object as n people have it, on F frames; P = n (n - 1) / 2 pairs.

    iou, boundary_f: [F, P], 0 where one of the two has no mask, nan where neither has. present: [F, n].
    """

    label: str
    frames: tuple[int, ...]
    iou: Values
    boundary_f: Values
    present: Flags

    @property
    def agrees(self) -> Flags:
        """[F, n, n] bool: whether two people say the same. Two without a mask do."""
        count = self.present.shape[1]
        agrees = np.broadcast_to(np.eye(count, dtype=np.bool_), (len(self.frames), count, count)).copy()
        for column, (one, other) in enumerate(pairs_of(count)):
            same = np.isnan(self.iou[:, column]) | (self.iou[:, column] >= AGREES_FROM)
            agrees[:, one, other] = agrees[:, other, one] = same
        return agrees

    def of_pair(self, column: int) -> ObjectAgreement:
        """The same object as two of the people have it."""
        pair = list(pairs_of(self.present.shape[1])[column])
        own = slice(column, column + 1)
        return replace(self, iou=self.iou[:, own], boundary_f=self.boundary_f[:, own], present=self.present[:, pair])

    @property
    def by_frame(self) -> Values:
        """[F]: the mean IoU of the pairs of which either has a mask; nan where nobody has one."""
        return _row_means(self.iou)


@dataclass(frozen=True, slots=True)
class AgreementFigures:
    """Figures of some masks. None: there is no pair of which both, or either, have the object.

    j, f: the means where both have a mask. overall: the mean IoU where either has one; presence conflicts count 0.
    worst_decile: the mean of the lowest tenth of those. presence: the share of pairs of statements on presence that are
    the same. pairs: the count of pairs of masks.
    """

    j: float | None
    f: float | None
    overall: float | None
    worst_decile: float | None
    presence: float | None
    pairs: int

    def document(self) -> dict[str, object]:
        """As JSON."""
        values = {"j": self.j, "f": self.f, "overall": self.overall, "worst_decile": self.worst_decile}
        rounded = {name: None if value is None else round(value, 4) for name, value in values.items()}
        presence = None if self.presence is None else round(self.presence, 4)
        return {**rounded, "presence": presence, "pairs": self.pairs}


def figures(objects: Iterable[ObjectAgreement], column: int | None = None) -> AgreementFigures:
    """The figures of some objects. column: only this pair of people; None: all pairs."""
    ious, edges, same = [], [], []
    for each in (one if column is None else one.of_pair(column) for one in objects):
        pairs = pairs_of(each.present.shape[1])
        ious.append(each.iou.ravel())
        edges.append(each.boundary_f.ravel())
        same.append(np.array([each.present[:, a] == each.present[:, b] for a, b in pairs], np.bool_).T.ravel())
    if not ious:
        return AgreementFigures(None, None, None, None, None, 0)
    iou, boundary, alike = np.concatenate(ious), np.concatenate(edges), np.concatenate(same)
    either = ~np.isnan(iou)
    both = either & alike
    lowest = np.sort(iou[either])[: math.ceil(WORST_SHARE * int(either.sum()))]
    return AgreementFigures(
        _mean(iou[both]), _mean(boundary[both]), _mean(iou[either]), _mean(lowest), _mean(alike), int(either.sum())
    )


def presence_alpha(objects: Sequence[ObjectAgreement]) -> float | None:
    """Krippendorff's alpha of the statements on presence (nominal, no missing ones); None without two different ones.

    1: all agree; 0: as by chance. Unlike the share, it does not rise because an object is nearly always there.
    """
    there = np.concatenate([each.present.sum(axis=1) for each in objects]) if objects else np.zeros(0)
    count = np.concatenate([np.full(len(each.frames), each.present.shape[1]) for each in objects]) if objects else there
    paired = count >= 2
    there, count = there[paired].astype(np.float64), count[paired].astype(np.float64)
    total, present = float(count.sum()), float(there.sum())
    expected = present * (total - present) * 2
    if expected == 0:
        return None
    observed = float((2 * there * (count - there) / (count - 1)).sum())
    return 1 - (total - 1) * observed / expected


@dataclass(frozen=True, slots=True)
class DisputedFrame:
    """An object on a frame. overall: the mean IoU of all pairs. has_presence_conflict: some have it, some have not."""

    label: str
    object_number: int
    frame_index: int
    overall: float
    has_presence_conflict: bool


def worst_frames(objects: Sequence[ObjectAgreement], count: int) -> list[DisputedFrame]:
    """The frames with the lowest agreement, worst first. object_number: the place among the objects, from 0."""
    listed = [
        DisputedFrame(
            each.label,
            number,
            frame,
            float(value),
            bool(present.any() and not present.all()),
        )
        for number, each in enumerate(objects)
        for frame, value, present in zip(each.frames, each.by_frame, each.present, strict=True)
        if not math.isnan(value)
    ]
    return sorted(listed, key=lambda each: (each.overall, each.object_number, each.frame_index))[:count]


def _row_means(values: Values) -> Values:
    """The means of the rows without their nan; nan for a row of nan."""
    known = ~np.isnan(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean(values: NDArray[np.float64] | Flags) -> float | None:
    return float(values.mean()) if values.size else None
