"""Wiring of `masklet next`: the propagated videos of projects and folders, and the frames to correct."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend.application.review.next_frames import NextFrame, ReviewVideo, all_done, next_frames, project_videos
from backend.bootstrap.container import Container
from backend.bootstrap.imports.batch_status import imported_names
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.tasks import TaskKey


def videos_of(sources: Sequence[str]) -> list[ReviewVideo]:
    """The videos of project numbers and of folders that `masklet propagate` made.

    Raises NotFound for one that is not there or has nothing propagated.
    """
    videos: list[ReviewVideo] = []
    container: Container | None = None
    for source in sources:
        if source.isascii() and source.isdecimal():
            container = container or Container.from_environment()
            found = project_videos(
                container.ledger,
                container.masks,
                container.key_values,
                int(source),
                names=imported_names(container, int(source)),
            )
            if not found:
                raise NotFound(f"nothing of project {source} has been propagated yet: prompt an object in it first")
            videos += found
        else:
            videos.append(_folder_video(Path(source)))
    return videos


def _folder_video(folder: Path) -> ReviewVideo:
    # The reader of folders imports OpenCV, and projects need none.
    from backend.adapters.store.datasets.review_folder import read_review_folder

    return read_review_folder(folder).video


def address_of(task: TaskKey) -> str:
    """A task's page in Label Studio; empty without a Label Studio."""
    return Container.from_environment().task_address(task)


def choose_next(sources: Sequence[str], count: int, *, seed: int) -> tuple[tuple[NextFrame, ...], bool]:
    """The frames to correct next, and whether every frame is certain by now. seed: of the draw of audit frames."""
    if not sources:
        raise InvalidInput("name a project's number, or a folder that `masklet propagate` made")
    videos = videos_of(sources)
    return next_frames(videos, count, rng=np.random.default_rng(seed)), all_done(videos)
