"""Summaries of finished propagations, made when somebody asks for them and kept in the ledger.

A run's masks are read once. Reading all runs of a project takes minutes; a page opens in a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from backend.application.annotation.annotation_service import FIRST_FRAME
from backend.application.ports.lead_ledger import (
    LeadLedger,
    ObjectSummary,
    ProjectRows,
    RunFigures,
    RunSummary,
    UserJob,
)
from backend.application.ports.masks import MaskStore
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.prompts import ObjectId
from backend.domain.recent import Recent
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

UNREADABLE_KEPT = 10_000
WANTED_S = 120.0
"""How long a project is read beside the requests after somebody looked at it, seconds."""


@dataclass(slots=True)
class _ObjectFigures:
    frames: int = 0
    area_rel: float = 0.0
    uncertainty: float = 0.0


@dataclass(frozen=True, slots=True)
class Summaries:
    """Makes summaries. Thread-safe."""

    ledger: LeadLedger
    masks: MaskStore
    _unreadable: Recent[str, bool] = field(default_factory=lambda: Recent(UNREADABLE_KEPT))
    _wanted: dict[int, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def want(self, project_id: int, now_s: float) -> None:
        """Somebody looks at a project with missing summaries. now_s: monotonic."""
        with self._lock:
            self._wanted[project_id] = now_s + WANTED_S

    def wanted(self, now_s: float) -> tuple[int, ...]:
        """The projects at which somebody looked lately, and that are not filled."""
        with self._lock:
            return tuple(each for each, until_s in self._wanted.items() if until_s > now_s)

    def missing(self, rows: ProjectRows) -> tuple[UserJob, ...]:
        """The finished propagations without a summary, apart from those that cannot be read."""
        known = {each.masks_run for each in rows.figures}
        unread = (job for job in rows.jobs if job.masks_run and job.masks_run not in known)
        return tuple(job for job in unread if self._unreadable.get(job.masks_run) is None)

    def fill(self, project_id: int, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Makes the missing summaries of a project while goes_on() is true; returns their count."""
        made = 0
        for job in self.missing(self.ledger.project_rows(project_id)):
            if not goes_on():
                return made
            made += self.make(job)
        with self._lock:
            self._wanted.pop(project_id, None)
        return made

    def make(self, job: UserJob) -> bool:
        """Makes a summary; False if the masks are gone or damaged."""
        try:
            summary = summary_of(job.task, job.user, job.masks_run, self.masks)
        except (NotFound, IntegrityError) as error:
            logger.info("run %s has no summary: %s", job.masks_run, error)
            self._unreadable.put(job.masks_run, True)
            return False
        self.ledger.put_summary(summary)
        return True


def summary_of(task: TaskKey, user: str, run: str, masks: MaskStore) -> RunSummary:
    """Reads all masks of a run once. Raises NotFound, IntegrityError."""
    header = masks.partial(run, FIRST_FRAME)
    if header is None:
        raise NotFound(f"no masks are stored under {run!r}")
    figures: dict[ObjectId, _ObjectFigures] = {masklet.object_id: _ObjectFigures() for masklet in header.masklets}
    worst = (0.0, 0)
    for object_id, frame in masks.records(run):
        of_object = figures.setdefault(object_id, _ObjectFigures())
        of_object.frames += frame.evidence.area_rel > 0
        of_object.area_rel += frame.evidence.area_rel
        of_object.uncertainty = max(of_object.uncertainty, frame.uncertainty)
        worst = max(worst, (frame.uncertainty, -int(frame.frame_index)))
    size = header.video.size
    labels = {masklet.object_id: masklet.label for masklet in header.masklets}
    objects = tuple(_objects(figures, labels, size.width * size.height))
    return RunSummary(RunFigures(task, user, run, header.video.frame_count, worst[0], -worst[1]), objects)


def _objects(
    figures: Mapping[ObjectId, _ObjectFigures], labels: Mapping[ObjectId, str], frame_px: int
) -> Iterator[ObjectSummary]:
    for object_id, each in figures.items():
        area_px = each.area_rel * frame_px / each.frames if each.frames else 0.0
        label = labels.get(object_id, str(object_id))
        yield ObjectSummary(object_id, label, each.frames, round(area_px, 1), each.uncertainty)
