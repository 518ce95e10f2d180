"""Interactive under load: clicks through the real stack during a propagation, compared with clicks without load.

Runs `masklet up` with queue server, ledger and both workers. The clicks come from this process, through the annotation
service of the web process. HTTP and Label Studio are not included.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.bootstrap.container import Container
from backend.bootstrap.web import build_web
from backend.domain.jobs import Job, JobState, ModelInfo, PropagationRequest
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex
from scripts.benchmarks.engine_figures.first_mask import cached_clip
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import Figures, Setup
from scripts.benchmarks.interactive_stack import masklet_up, serving
from scripts.benchmarks.percentiles import percentile

FRAMES = 20_000
QUICK_FRAMES = 2_000
PAUSE_S = 0.3
"""Pause between clicks, in which the propagation runs, as when a person looks at each answer."""

DEADLINE_S = 60.0


@dataclass(slots=True)
class RunningStack:
    """The running stack with the web process's services. Each click has its own task, so it replaces no earlier one."""

    service: AnnotationService
    model: ModelInfo
    clip: str
    clicks: int = 0

    def click(self) -> float:
        """Seconds from the prompt to its mask."""
        self.clicks += 1
        frame = FrameIndex(37 * self.clicks % QUICK_FRAMES)
        user_task = UserTask(TaskKey(1, 100 + self.clicks), self._media, "", self.model.version)
        return seconds(
            lambda: self.service.answer_click(user_task, boxes(1, frame=frame), frame, deadline_s=DEADLINE_S)
        )

    def start_propagation(self) -> Job:
        """Submits a propagation that is longer than the measurement."""
        request = PropagationRequest(
            TaskKey(1, 1), self._media, boxes(1, frame=0), Direction.FORWARD, model_version=self.model.version
        )
        return self.service.submitter.submit(request)

    def done(self, job: Job) -> int:
        current = self.service.ledger.job(job.job_id)
        if current.state.is_final:
            raise RuntimeError(f"the propagation ended too soon: {current.state} {current.reason}")
        return current.done if current.state is JobState.RUNNING else 0

    @property
    def _media(self) -> MediaRef:
        return MediaRef((self.clip,), is_pages=False)


def measure(setup: Setup) -> Figures:
    """p95 of a click under load over the sum of one frame's time and the click's median without load."""
    with running_stack(setup) as stack:
        for _ in range(3):
            stack.click()
        at_rest = [stack.click() for _ in range(setup.of(25, 3))]
        job = stack.start_propagation()
        wait_until(lambda: stack.done(job) > 10)
        frame_s = seconds_a_frame(stack, job, duration_s=setup.of(8, 2))
        loaded = []
        for _ in range(setup.of(40, 3)):
            time.sleep(PAUSE_S)
            loaded.append(stack.click())
        stack.done(job)
        stack.service.ledger.cancel(job.job_id)
    own_s = statistics.median(at_rest)
    yield "interactive.p95_over_frame", percentile(loaded, 0.95) / (frame_s + own_s)
    yield "interactive.p95_s", percentile(loaded, 0.95)
    yield "interactive.p50_s", percentile(loaded, 0.5)
    yield "interactive.at_rest_p50_s", own_s
    yield "interactive.at_rest_p95_s", percentile(at_rest, 0.95)
    yield "interactive.frame_s", frame_s
    yield "interactive.clicks", float(len(loaded))


def seconds_a_frame(stack: RunningStack, job: Job, *, duration_s: float) -> float:
    """Seconds per frame of the propagation without clicks. Raises RuntimeError without progress."""
    first, started = stack.done(job), time.perf_counter()
    time.sleep(duration_s)
    frames = stack.done(job) - first
    if frames <= 0:
        raise RuntimeError(f"the propagation made no progress within {duration_s:g} s")
    return (time.perf_counter() - started) / frames


@contextmanager
def running_stack(setup: Setup) -> Iterator[RunningStack]:
    """Runs the stack in a temporary folder with one clip."""
    clip = cached_clip(setup.of(FRAMES, QUICK_FRAMES))
    with tempfile.TemporaryDirectory() as name:
        media, data = Path(name) / "media", Path(name) / "data"
        media.mkdir()
        data.mkdir()
        shutil.copy(clip, media / clip.name)
        chosen = {
            "MASKLET_MODEL": "demo",
            "MASKLET_DEVICE": str(setup.device),
            "MASKLET_THREADS": str(setup.threads),
            "OMP_NUM_THREADS": str(setup.threads or os.cpu_count() or 1),
        }
        with serving(media) as address, masklet_up(data, port=free_port(), media=address, **chosen):
            with patch.dict(os.environ, {"MASKLET_DATA_DIR": str(data), "LABEL_STUDIO_URL": ""}):
                container = Container.from_environment()
                parts = build_web(container)
            model = container.model_announcement.announced()
            if model is None:
                raise RuntimeError("no worker announced its model")
            service = replace(parts.annotation_service, propagate_on_prompt=False)
            yield RunningStack(service, model, f"{address}/{clip.name}")


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for the condition. Raises TimeoutError after DEADLINE_S."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the propagation did not start")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
