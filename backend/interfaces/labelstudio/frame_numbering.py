"""What a worker has seen of some media, waited for; and with it how Label Studio's page numbers a video's frames."""

from __future__ import annotations

from collections.abc import Sequence

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.application.annotation.annotation_service import UserTask
from backend.application.ports.clock import Clock
from backend.application.ports.prewarm import MediaStatus, PrewarmChannel, PrewarmRequest
from backend.domain.errors import MediaError, ServiceUnavailable, error_of
from backend.domain.tasks import MediaRef
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.video import FrameIndex, VideoInfo

LOOK_AGAIN_S = 0.02


def seen(
    board: PrewarmChannel, clock: Clock, media: MediaRef, *, give_up_s: float, frames: Sequence[FrameIndex] = ()
) -> MediaStatus:
    """What a worker saw of the media, having one look if none has, at these frames.

    give_up_s: on the clock's monotonic scale. Raises what the worker met, or ServiceUnavailable if none looked by then.
    """
    sight = board.status(media)
    if sight is None:
        board.request(PrewarmRequest(media, tuple(frames)))
    while sight is None:
        if clock.monotonic_s() >= give_up_s:
            raise ServiceUnavailable("no worker has opened the media yet; ask again, or start: masklet worker")
        clock.sleep(LOOK_AGAIN_S)
        sight = board.status(media)
    if sight.error:
        raise error_of(sight.error)
    return sight


def info_of(sight: MediaStatus) -> VideoInfo:
    """Raises MediaError if the media could not be opened."""
    if sight.info is None:
        raise MediaError("the media could not be opened")
    return sight.info


def numbering(
    board: PrewarmChannel, clock: Clock, canvas: UserTask, *, give_up_s: float, info: VideoInfo | None = None
) -> FrameClock | None:
    """How the page numbers the frames of the canvas's video; None for pages, whose frames it counts one by one.

    info: what is known of the video already; None has a worker look. Raises as `seen` does.
    """
    binding = read_binding(canvas.label_config)
    if not binding.is_video:
        return None
    return clock_of(info or info_of(seen(board, clock, canvas.media, give_up_s=give_up_s)), binding.framerate)
