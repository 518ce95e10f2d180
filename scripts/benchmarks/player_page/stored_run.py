"""A finished propagation of five objects, written into Masklet's data folder without computing it.

The masks are the true ones. Computing 20,000 frames takes a worker most of an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.player_config import player_media
from backend.adapters.machine.clocks import SystemClock
from backend.adapters.media.decode import open_video
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.bootstrap.container import DataFolder
from backend.codecs.coco_rle import encode_mask
from backend.domain.geometry import Point, box_of_mask
from backend.domain.jobs import JobKind, JobState, PropagationRequest, run_name
from backend.domain.masklets import EncodedMask, FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from scripts.benchmarks.player_page.videos import GROUP, OBJECTS, SIZE, center, disc_mask

WORKER = "bench"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """Whose masks are stored. data: the task's. user: the e-mail address of the person who opens the player."""

    task: TaskKey
    data: Mapping[str, object]
    label_config: str
    model_version: str
    user: str


def store_run(data_dir: Path, stored: StoredRun, video: Path) -> None:
    """Stores one click per disc on frame 0 and a propagation of them through the whole video."""
    folder = DataFolder(data_dir)
    config = with_task_data(stored.label_config, stored.data)
    prompts = _prompts()
    request = PropagationRequest(
        stored.task,
        player_media(stored.data, config, task_id=stored.task.task_id),
        prompts,
        label_config=config,
        model_version=stored.model_version,
        user=stored.user,
    )
    info = _info(video)
    with closing(open_ledger(folder.ledger_url, SystemClock())) as ledger:
        ledger.replace_prompts(stored.task, prompts, user=stored.user)
        job, _ = ledger.submit(JobKind.PROPAGATE, request)
        started = ledger.start(job.job_id, job.attempt, WORKER)
        assert started is not None, "the job is not in the queue: no worker knows it"
        run = run_name(job.job_id, job.attempt)
        with FileMaskStore(folder.masks).writer(run, video=info, labels=prompts.labels) as writer:
            loop = [[_frame(disc, frame) for disc in range(len(OBJECTS))] for frame in range(GROUP)]
            for frame in range(info.frame_count):
                for name, (mask, evidence) in zip(OBJECTS, loop[frame % GROUP], strict=True):
                    origin = MaskOrigin.PROPAGATED if frame else MaskOrigin.PROMPTED
                    uncertainty = 0.02 + 0.3 * (frame * 37 % 101) / 101
                    writer.append(ObjectId(name), MaskletFrame(FrameIndex(frame), mask, evidence, origin, uncertainty))
            writer.commit()
        ledger.progress(job.job_id, job.attempt, info.frame_count, info.frame_count)
        ledger.finish(job.job_id, job.attempt, JobState.DONE, masks_run=run)


def _prompts() -> PromptSet:
    clicks = [
        FramePrompt(ObjectId(name), FrameIndex(0), (PointPrompt(_point(disc, 0)),)) for disc, name in enumerate(OBJECTS)
    ]
    return PromptSet.of(clicks, {ObjectId(name): name for name in OBJECTS})


def _point(disc: int, frame: int) -> Point:
    x, y = center(disc, frame)
    return Point((x + 0.5) / SIZE.width, (y + 0.5) / SIZE.height)


def _info(video: Path) -> VideoInfo:
    with video.open("rb") as stream:
        digest = ContentHash(hashlib.file_digest(stream, "sha256").hexdigest())
    with open_video(video, digest) as opened:
        return opened.info


def _frame(disc: int, frame: int) -> tuple[EncodedMask, FrameEvidence]:
    mask = disc_mask(disc, frame)
    area = float(mask.mean())
    return encode_mask(mask), FrameEvidence((0.9,), 4.0, 0.95, 0.95, area, _point(disc, frame), box_of_mask(mask), 1)
