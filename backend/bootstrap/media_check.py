"""The check of `masklet doctor PROJECT`: one task's media, fetched and opened as a worker does it."""

from __future__ import annotations

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.player_config import player_media
from backend.adapters.labelstudio.reading.unshown_media import unshown
from backend.adapters.labelstudio.storage_addresses import storage_address
from backend.adapters.media.index import NOT_SHOWN, IndexCache
from backend.adapters.media.probe import REMEDY as VIDEO_REMEDY
from backend.application.ports.media import TaskMediaLibrary
from backend.bootstrap.finding import Finding, Verdict
from backend.domain.errors import MaskletError
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, VideoInfo


def media_finding(
    library: TaskMediaLibrary, client: LabelStudioClient, project_id: int, indices: IndexCache
) -> Finding:
    """What is in the way of the media of the project's newest task; of pages the first is fetched.

    indices: has the index of a video that the library opened.
    Raises MaskletError if the project or its label config cannot be read.
    """
    subject = f"media of project {project_id}"
    config = client.label_config(project_id)
    newest = client.newest_task(project_id)
    if newest is None:
        remedy = f"masklet import SOURCE --project {project_id}"
        return Finding(subject, Verdict.WARN, "the project has no task whose media could be fetched", remedy)
    task = newest.key
    where = f"task {task.task_id}"
    try:
        media = player_media(newest.data, with_task_data(config, newest.data), task_id=task.task_id)
        where = f"{where}, {_shown(media.addresses[0])}"
        info = _opened(library, media, task)
    except MaskletError as error:
        return Finding(subject, Verdict.FAIL, f"{where}: {error}")
    count, unit = (len(media.addresses), "pages") if media.is_pages else (info.frame_count, "frames")
    opened = f"{where}: {info.size.width}x{info.size.height}, {count} {unit}"
    index = None if media.is_pages else indices.load(info.content_hash)
    if index is not None and index.inexact:
        return Finding(subject, Verdict.WARN, f"{opened}; {NOT_SHOWN} because of {index.inexact}", VIDEO_REMEDY)
    blank = unshown(media, project_id)
    if blank is not None:
        return Finding(subject, Verdict.WARN, f"{opened}; {blank.sentence}", blank.remedy)
    return Finding(subject, Verdict.OK, opened)


def _opened(library: TaskMediaLibrary, media: MediaRef, task: TaskKey) -> VideoInfo:
    with library.open(media, task=task, frames=[FrameIndex(0)]) as video:
        return video.info


def _shown(address: str) -> str:
    """The address without its query, which may hold a signature; of cloud storage as the task has it."""
    return (storage_address(address) or address.partition("?")[0])[:200]
