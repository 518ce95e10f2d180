"""What comes after a job in a worker: whoever waits is woken, and the frames around a click are wished for."""

from __future__ import annotations

from backend.application.ports.prewarm import PrewarmRequest
from backend.bootstrap.worker import Runtime
from backend.domain.errors import MediaError
from backend.domain.jobs import JobKind, JobState, PreviewRequest, PropagationRequest
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeMedia
from tests.fakes.prewarm import FakePrewarmChannel
from tests.unit.application.builders import Parts, click_on

MEDIA = MediaRef(("/data/clip.mp4",), is_pages=False)
TASK = TaskKey(1, 1)


class RecordingNotifier:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def notify(self, job_id: str) -> None:
        self.rung.append(job_id)


def ran(
    request: PreviewRequest | PropagationRequest, kind: JobKind, parts: Parts, *, frames: int
) -> FakePrewarmChannel:
    channel, notifier = FakePrewarmChannel(), RecordingNotifier()
    job, _ = parts.ledger.submit(kind, request)
    runtime = Runtime(parts.runner, lambda: False, notifier=notifier, prewarm_channel=channel, prewarm_frames=frames)  # type: ignore[arg-type]
    ended = runtime.run(job.job_id, job.attempt)
    assert notifier.rung == [job.job_id]
    assert ended.state in (JobState.DONE, JobState.FAILED)
    return channel


def preview(frame: int) -> PreviewRequest:
    return PreviewRequest(TASK, MEDIA, click_on(frame), FrameIndex(frame))


def test_the_frames_around_a_click_are_wished_for() -> None:
    channel = ran(preview(4), JobKind.INTERACTIVE, Parts(), frames=1)
    assert channel.asked == [PrewarmRequest(MEDIA, (FrameIndex(4), FrameIndex(5), FrameIndex(3)))]


def test_nothing_is_wished_for_where_that_is_switched_off_or_the_click_failed_or_was_none() -> None:
    whole = PropagationRequest(TASK, MEDIA, click_on(0))
    failing = Parts(media=FakeMedia(error=MediaError("no")))
    assert ran(preview(4), JobKind.INTERACTIVE, Parts(), frames=0).asked == []
    assert ran(preview(4), JobKind.INTERACTIVE, failing, frames=1).asked == []
    assert ran(whole, JobKind.PROPAGATE, Parts(), frames=1).asked == []
