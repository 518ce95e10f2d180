"""Interactive under load: clicks through the real stack while a propagation runs, against clicks at rest.

`masklet up` with its queue server, its ledger and both workers; the clicks come from this process through the same
desk that the web process uses. Only HTTP and Label Studio are left out.
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
from scripts.benchmarks.engine_figures.first_mask import kept_clip
from scripts.benchmarks.engine_figures.measuring import percentile, seconds
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import Figures, Setup
from scripts.benchmarks.interactive_stack import masklet_up, serving

FRAMES = 20_000
QUICK_FRAMES = 2_000
PAUSE_S = 0.3
"""Between clicks, so that the propagation gets on in between, as it does when a person looks at each answer."""

DEADLINE_S = 60.0


@dataclass(slots=True)
class Bench:
    """The running stack, as the web process sees it. Every click is of another task, so that it replaces nothing."""

    desk: AnnotationService
    model: ModelInfo
    clip: str
    clicks: int = 0

    def click(self) -> float:
        """Seconds from the prompt to its mask."""
        self.clicks += 1
        frame = FrameIndex(37 * self.clicks % QUICK_FRAMES)
        canvas = UserTask(TaskKey(1, 100 + self.clicks), self._media, "", self.model.version)
        return seconds(lambda: self.desk.answer_click(canvas, boxes(1, frame=frame), frame, deadline_s=DEADLINE_S))

    def carry(self) -> Job:
        """Start a propagation that outlasts the measurement."""
        request = PropagationRequest(
            TaskKey(1, 1), self._media, boxes(1, frame=0), Direction.FORWARD, model_version=self.model.version
        )
        return self.desk.submitter.submit(request)

    def done(self, job: Job) -> int:
        now = self.desk.ledger.job(job.job_id)
        if now.state.is_final:
            raise RuntimeError(f"the propagation ended too soon: {now.state} {now.reason}")
        return now.done if now.state is JobState.RUNNING else 0

    @property
    def _media(self) -> MediaRef:
        return MediaRef((self.clip,), is_pages=False)


def measure(setup: Setup) -> Figures:
    """p95 of a click under load over one frame's time plus the click's own (its median at rest)."""
    with running(setup) as bench:
        for _ in range(3):
            bench.click()
        at_rest = [bench.click() for _ in range(setup.of(25, 3))]
        job = bench.carry()
        until(lambda: bench.done(job) > 10)
        frame_s = seconds_a_frame(bench, job, watched_s=setup.of(8, 2))
        loaded = []
        for _ in range(setup.of(40, 3)):
            time.sleep(PAUSE_S)
            loaded.append(bench.click())
        bench.done(job)
        bench.desk.ledger.cancel(job.job_id)
    own_s = statistics.median(at_rest)
    yield "interactive.p95_over_frame", percentile(loaded, 0.95) / (frame_s + own_s)
    yield "interactive.p95_s", percentile(loaded, 0.95)
    yield "interactive.p50_s", percentile(loaded, 0.5)
    yield "interactive.at_rest_p50_s", own_s
    yield "interactive.at_rest_p95_s", percentile(at_rest, 0.95)
    yield "interactive.frame_s", frame_s
    yield "interactive.clicks", float(len(loaded))


def seconds_a_frame(bench: Bench, job: Job, *, watched_s: float) -> float:
    """Of the propagation while nobody clicks."""
    first, started = bench.done(job), time.perf_counter()
    time.sleep(watched_s)
    passed = bench.done(job) - first
    if passed <= 0:
        raise RuntimeError(f"the propagation did not get on within {watched_s:g} s")
    return (time.perf_counter() - started) / passed


@contextmanager
def running(setup: Setup) -> Iterator[Bench]:
    """The stack in a folder of its own, with a clip to work on."""
    clip = kept_clip(setup.of(FRAMES, QUICK_FRAMES))
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
                raise RuntimeError("no worker said which model it has")
            desk = replace(parts.annotation_service, propagate_on_prompt=False)
            yield Bench(desk, model, f"{address}/{clip.name}")


def until(condition: Callable[[], bool]) -> None:
    """Raises TimeoutError if it does not come true within the deadline."""
    give_up_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > give_up_s:
            raise TimeoutError("the propagation did not start")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
