"""A video's info, from a run or a worker's media status, and the page's frame clock from it."""

from __future__ import annotations

from collections.abc import Sequence

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.application.annotation.annotation_service import FIRST_FRAME, AnnotationService, UserTask
from backend.application.annotation.propagate_range import newest_run
from backend.application.ports.clock import Clock
from backend.application.ports.requests.prewarm import MediaStatus, PrewarmChannel, PrewarmRequest
from backend.domain.errors import MediaError, ServiceUnavailable, error_of
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.video import FrameIndex, VideoInfo

STATUS_POLL_S = 0.02


def wait_for_status(
    channel: PrewarmChannel,
    clock: Clock,
    media: MediaRef,
    *,
    task: TaskKey,
    give_up_s: float,
    frames: Sequence[FrameIndex] = (),
) -> MediaStatus:
    """The media status; asks a worker to open the task's media, and to encode frames (0-based), if there is none yet.

    give_up_s: on the clock's monotonic scale. Raises the worker's error, or ServiceUnavailable at give_up_s.
    """
    status = channel.status(media)
    if status is None:
        channel.request(PrewarmRequest(media, tuple(frames), task=task))
    while status is None:
        if clock.monotonic_s() >= give_up_s:
            raise ServiceUnavailable("no worker has opened the media yet; ask again, or start: masklet worker")
        clock.sleep(STATUS_POLL_S)
        status = channel.status(media)
    if status.error:
        raise error_of(status.error)
    return status


def info_of(status: MediaStatus) -> VideoInfo:
    """The video's info. Raises MediaError if the media could not be opened."""
    if status.info is None:
        raise MediaError("the media could not be opened")
    return status.info


def frame_clock_of(
    channel: PrewarmChannel, clock: Clock, user_task: UserTask, *, give_up_s: float, info: VideoInfo | None = None
) -> FrameClock | None:
    """The page's frame clock of a video: 1-based frame numbers to 0-based frame indices; None for pages.

    info: the video's, if known; None asks a worker. Raises as `wait_for_status` does.
    """
    binding = read_binding(user_task.label_config)
    if not binding.is_video:
        return None
    if info is None:
        info = info_of(wait_for_status(channel, clock, user_task.media, task=user_task.task, give_up_s=give_up_s))
    return clock_of(info, binding.framerate)


def info_of_run(service: AnnotationService, user_task: UserTask) -> VideoInfo | None:
    """The video's info from the task's newest run: no worker is needed to look at masks. None without such a run."""
    found = newest_run(service, user_task.task, user_task.model_version, FIRST_FRAME)
    if found is None or found.run is None:
        return None
    return found.run.video if service.ledger.request(found.job.job_id).media == user_task.media else None


def video_info(service: AnnotationService, channel: PrewarmChannel, user_task: UserTask, wait_s: float) -> VideoInfo:
    """The video's info from a run of the task, or from a worker within wait_s. Raises as `wait_for_status` does."""
    known = info_of_run(service, user_task)
    if known is not None:
        return known
    clock = service.clock
    give_up_s = clock.monotonic_s() + wait_s
    return info_of(wait_for_status(channel, clock, user_task.media, task=user_task.task, give_up_s=give_up_s))
