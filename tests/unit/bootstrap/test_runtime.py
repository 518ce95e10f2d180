"""A worker after a job: waiters are notified, and the frames around a click are prewarmed."""

from __future__ import annotations

from backend.application.ports.requests.prewarm import PrewarmRequest
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
        self.notified: list[str] = []

    def notify(self, job_id: str) -> None:
        self.notified.append(job_id)


def ran(
    request: PreviewRequest | PropagationRequest, kind: JobKind, parts: Parts, *, frames: int
) -> FakePrewarmChannel:
    channel, notifier = FakePrewarmChannel(), RecordingNotifier()
    job, _ = parts.ledger.submit(kind, request)
    runtime = Runtime(parts.runner, lambda: False, notifier=notifier, prewarm_channel=channel, prewarm_frames=frames)  # type: ignore[arg-type]
    ended = runtime.run(job.job_id, job.attempt)
    assert notifier.notified == [job.job_id]
    assert ended.state in (JobState.DONE, JobState.FAILED)
    return channel


def preview(frame: int) -> PreviewRequest:
    return PreviewRequest(TASK, MEDIA, click_on(frame), FrameIndex(frame))


def test_a_click_prewarms_the_frames_around_it() -> None:
    channel = ran(preview(4), JobKind.INTERACTIVE, Parts(), frames=1)
    assert channel.asked == [PrewarmRequest(MEDIA, (FrameIndex(4), FrameIndex(5), FrameIndex(3)), task=TASK)]


def test_only_a_successful_click_prewarms_and_only_if_enabled() -> None:
    whole = PropagationRequest(TASK, MEDIA, click_on(0))
    failing = Parts(media=FakeMedia(error=MediaError("no")))
    assert ran(preview(4), JobKind.INTERACTIVE, Parts(), frames=0).asked == []
    assert ran(preview(4), JobKind.INTERACTIVE, failing, frames=1).asked == []
    assert ran(whole, JobKind.PROPAGATE, Parts(), frames=1).asked == []
