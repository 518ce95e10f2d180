"""Wiring of `masklet report`: the page of a propagated video, with its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend.adapters.media.source_media import hash_of_local_video, open_local_video
from backend.adapters.report.page import report_page
from backend.adapters.report.thumbnails import thumbnail
from backend.adapters.report.verdicts import VerdictRow, verdicts_section
from backend.adapters.store.datasets.review_folder import read_review_folder
from backend.application.jobs.queries import newest_propagation
from backend.application.ports.media import VideoSource
from backend.application.review.next_frames import ReviewVideo, next_frames, task_video
from backend.bootstrap.container import Container
from backend.bootstrap.imports.batch_status import audit_tallies
from backend.bootstrap.media import media_library
from backend.bootstrap.verdicts import read_verdicts, verdict_rows
from backend.codecs.coco_rle import CocoCodec
from backend.domain.audits import tally
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.geometry import BoolMask, RgbFrame
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a report is about. mask and frame: of a frame index, None where there is none."""

    video: ReviewVideo
    labels: Mapping[ObjectId, str]
    mask: Callable[[ObjectId, int], BoolMask | None]
    frame: Callable[[int], RgbFrame | None]

    def picture(self, index: int) -> str:
        return thumbnail(self.frame(index), [self.mask(object_id, index) for object_id in self.video.objects])


def write_report(source: str, out: Path, *, video: Path | None, count: int, seed: int) -> list[VerdictRow]:
    """Write the page of a folder that `masklet propagate` made, or of PROJECT/TASK; returns the verdicts on it.

    Raises NotFound, IntegrityError, or InvalidInput if the video is not the one that was propagated.
    """
    with _subject(source, video) as subject:
        chosen = next_frames([subject.video], count, rng=np.random.default_rng(seed))
        rows = _verdicts(subject.video)
        page = report_page(
            subject.video,
            chosen,
            labels=subject.labels,
            picture=subject.picture,
            audits=_audits(subject.video),
            verdicts=verdicts_section(rows),
        )
    out.write_text(page, encoding="utf-8")
    return rows


def _verdicts(video: ReviewVideo) -> list[VerdictRow]:
    """The verdicts on the video's task; a folder is of no task."""
    if video.task is None:
        return []
    container = Container.from_environment()
    return verdict_rows(container, read_verdicts(container, video.task.project_id, video.task))


def _audits(video: ReviewVideo) -> str:
    """What audits of the video's project and model found; a folder belongs to no project, and has none."""
    if video.task is None:
        return ""
    found = audit_tallies(video.task.project_id).get(video.model_version)
    return (found or tally([], is_probability=video.is_probability)).sentence()


@contextmanager
def _subject(source: str, video: Path | None) -> Iterator[_Subject]:
    task = re.fullmatch(r"([0-9]+)/([0-9]+)", source)
    if task and not Path(source).is_dir():
        with _task_subject(TaskKey(int(task[1]), int(task[2]))) as subject:
            yield subject
        return
    folder = read_review_folder(Path(source))
    with ExitStack() as stack:
        shown = None if video is None else stack.enter_context(_checked_video(video, folder.content_hash))
        yield _Subject(
            folder.video,
            folder.labels,
            folder.mask,
            lambda index: None if shown is None else shown.frame(FrameIndex(index)),
        )


def _checked_video(path: Path, content_hash: str) -> VideoSource:
    """Raises InvalidInput if it is not the video that the masks are of."""
    found = hash_of_local_video(path)
    if found != content_hash:
        raise InvalidInput(f"{path} is not the video that was propagated: its SHA-256 differs")
    return open_local_video(path, found)


@contextmanager
def _task_subject(task: TaskKey) -> Iterator[_Subject]:
    """The newest finished propagation of a task, with its media."""
    container = Container.from_environment()
    ledger, codec = container.ledger, CocoCodec()
    job = newest_propagation(ledger, task)
    if job is None:
        raise NotFound(f"task {task} has not been propagated yet: prompt an object in it first")
    run = container.masks.read(job.masks_run)
    masks = {m.object_id: {int(frame.frame_index): frame.mask for frame in m.frames} for m in run.masklets}

    def mask(object_id: ObjectId, index: int) -> BoolMask | None:
        encoded = masks[object_id].get(index)
        return None if encoded is None else codec.decode(encoded)

    with media_library(container) as library, library.open(ledger.request(job.job_id).media) as source:
        yield _Subject(
            replace(task_video(job, container.masks, container.key_values), name=f"task {task}"),
            {masklet.object_id: masklet.label for masklet in run.masklets},
            mask,
            lambda index: source.frame(FrameIndex(index)),
        )
