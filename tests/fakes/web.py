"""The web process with fakes as collaborators: no queue server, no model, no Label Studio.

A waiting request runs the worker in its own thread (`WorkingClock`), and so gets its masks.
"""

from __future__ import annotations

import atexit
import functools
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.annotation.click_load import ClickLoad
from backend.application.annotation.prompt_checks import frame_counter
from backend.application.jobs.leftovers import Leftovers
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.notifier import NoNotifier
from backend.application.ports.requests.detection import DetectionRequest
from backend.application.ports.requests.hover import HoverMask
from backend.application.review.task_signature import TaskSigner
from backend.application.worker.detection_loop import DetectionLoop
from backend.application.worker.hover_loop import HoverLoop, HoverParts
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.application.worker.scheduling.prewarm_loop import PrewarmLoop
from backend.bootstrap.web import AnnotationReader, WebParts, WebSettings
from backend.codecs.coco_rle import CocoCodec
from backend.domain.detections import Detection
from backend.domain.jobs import JobKind, JobState, ModelInfo, PreviewRequest
from backend.interfaces.labelstudio.annotations import AnnotationSync
from tests.fakes.clock import WorkingClock
from tests.fakes.engine import FakeDetector, FakeMedia, FakeSegmenter
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.prewarm import FakePrewarmChannel, FakeSessionCursors
from tests.fakes.queue import FakeQueue
from tests.fakes.request_channel import FakeRequestChannel
from tests.fakes.routes import fast_app
from tests.fakes.sink import FakeSink
from tests.fakes.stores import temporary_ledger, temporary_masks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the import warns that it prefers another HTTP library
    from starlette.testclient import TestClient as _TestClient


@functools.cache
def _event_loop() -> BlockingPortal:
    """The event loop of all clients. A client without one starts a thread and a loop for each request."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(start_blocking_portal())


class TestClient(_TestClient):
    """A client of an app in this process. As a context manager it also runs the app's background tasks."""

    __test__ = False  # the name is Starlette's: no class of tests

    def __init__(self, app: FastAPI, **options: Any) -> None:  # noqa: ANN401 - Starlette's options
        super().__init__(app, **options)
        self.portal = _event_loop()


MODEL = FakeSegmenter().model

ADDRESS = "http://127.0.0.1:9090"
"""What the tests' client calls the service: the Host header is checked."""

FRAMES = """<View>
  <Image name="img" valueList="$frames"/>
  <KeyPointLabels name="kp" toName="img" smart="true"><Label value="Cat"/><Label value="Dog"/><Label value="▶ 2"/>
  <Label value="✕ reset"/></KeyPointLabels>
  <RectangleLabels name="rect" toName="img" smart="true"><Label value="Cat"/><Label value="Dog"/></RectangleLabels>
  <BrushLabels name="brush" toName="img"><Label value="Cat"/><Label value="Dog"/></BrushLabels>
</View>"""

VIDEO = """<View>
  <Video name="clip" value="$video" framerate="25"/>
  <VideoRectangle name="box" toName="clip" smart="true"/>
  <Labels name="kind" toName="clip"><Label value="Cat"/><Label value="Dog"/></Labels>
</View>"""


@dataclass
class FakeModels:
    """A ModelDirectory; model None: no model was announced."""

    model: ModelInfo | None = MODEL

    def announced(self) -> ModelInfo | None:
        return self.model


@dataclass
class FakeWeb:
    """The parts of a web process and the worker behind it. Change a fake's fields, then call `client`."""

    settings: WebSettings = field(default_factory=WebSettings)
    clock: Clock = field(default_factory=WorkingClock)
    ledger: Ledger | None = None
    queue: FakeQueue = field(default_factory=FakeQueue)
    masks: FileMaskStore = field(default_factory=temporary_masks)
    media: FakeMedia = field(default_factory=FakeMedia)
    segmenter: FakeSegmenter = field(default_factory=FakeSegmenter)
    models: FakeModels = field(default_factory=FakeModels)
    sink: FakeSink = field(default_factory=FakeSink)
    label_studio: AnnotationReader | None = None
    prewarm_channel: FakePrewarmChannel = field(default_factory=FakePrewarmChannel)
    session_cursors: FakeSessionCursors = field(default_factory=FakeSessionCursors)
    hover_channel: FakeRequestChannel[PreviewRequest, HoverMask] = field(default_factory=FakeRequestChannel)
    detection_channel: FakeRequestChannel[DetectionRequest, tuple[Detection, ...]] = field(
        default_factory=FakeRequestChannel
    )
    detector: FakeDetector = field(default_factory=FakeDetector)

    def __post_init__(self) -> None:
        self._app: tuple[WebParts, FastAPI] | None = None
        ledger = self.ledger or temporary_ledger(self.clock)
        self.stored = ledger
        submitter = Submitter(ledger, self.queue)
        service = AnnotationService(
            ledger, self.masks, submitter, self.clock, NoNotifier(), frame_counter(self.prewarm_channel)
        )
        pusher = Pusher(ledger, self.masks, self.sink, build_regions, self.clock)
        self.runner = JobRunner(
            ledger,
            self.masks,
            CocoCodec(),
            self.media,
            self.segmenter,
            submitter,
            self.clock,
            worker_name="worker-1",
            max_attempts=3,
            pushes=True,
            key_values=MemoryKeyValueStore(),
        )
        reconciler = Reconciler(ledger, self.queue, submitter, self.clock, pusher, heartbeat_ttl_s=60, max_attempts=3)
        notes = MemoryKeyValueStore()
        self.parts = WebParts(
            settings=self.settings,
            ledger=ledger,
            queue=self.queue,
            annotation_service=service,
            click_load=ClickLoad(ledger, self.queue, self.clock),
            reconciler=reconciler,
            leftovers=Leftovers(self.masks, notes, self.clock),
            models=self.models,
            clock=self.clock,
            label_studio=self.label_studio,
            prewarm_channel=self.prewarm_channel,
            hover_channel=self.hover_channel,
            detection_channel=self.detection_channel,
            session_cursors=self.session_cursors,
            key_values=notes,
            task_signer=TaskSigner(b"a key of the tests"),
            codec=CocoCodec(),
        )
        self.prewarm_loop = PrewarmLoop(self.prewarm_channel, self.media, self.segmenter, EngineLock())
        parts = HoverParts(self.media, self.segmenter, CocoCodec(), None, EngineLock(), self.clock)
        self.hover_channel.loop = HoverLoop(self.hover_channel, parts)
        self.detection_channel.loop = DetectionLoop(self.detection_channel, self.media, lambda: self.detector)
        if isinstance(self.clock, WorkingClock):
            self.clock.work = self.work_off_all

    def annotation_sync(self, label_studio: AnnotationReader, **changes: object) -> AnnotationSync:
        """The process's AnnotationSync, reading from this Label Studio. changes: other collaborators, by field."""
        parts = self.parts
        sync = AnnotationSync(
            parts.annotation_service,
            label_studio,
            parts.models,
            parts.key_values,
            parts.task_signer,
            parts.codec,
            parts.prewarm_channel,
            is_verified=lambda _: False,
        )
        return replace(sync, **changes)  # type: ignore[arg-type]

    def with_settings(self, **changes: object) -> FakeWeb:
        """The same web process with other settings."""
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        self.parts = replace(self.parts, settings=self.settings)
        return self

    @property
    def app(self) -> FastAPI:
        """One as long as the parts are the same."""
        if self._app is None or self._app[0] is not self.parts:
            self._app = (self.parts, fast_app(self.parts))
        return self._app[1]

    def client(self) -> TestClient:
        """A client of the app, without the app's background tasks, which have tests of their own."""
        return TestClient(self.app, base_url=ADDRESS)

    def work_off_all(self) -> None:
        """Run all prewarm requests, then all queued jobs."""
        while self.prewarm_loop.run_next(0.0):
            pass
        self.work_off()

    def work_off(self, *kinds: JobKind) -> None:
        """Run the queued jobs, oldest first. kinds: only jobs of these kinds; empty: all."""
        for job in reversed(self.stored.jobs(states=(JobState.QUEUED,))):
            if not kinds or job.kind in kinds:
                self.runner.run(job.job_id, job.attempt, lambda: False)


def served_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path that an app serves, with "p-1" for a job's id; HEAD and OPTIONS are left out."""
    described = app.openapi()["paths"]
    named = [(method.upper(), path) for path, methods in described.items() for method in methods]
    paths = [(method, path.replace("{job_id}", "p-1").replace("{rest}", "x")) for method, path in named]
    return [route for route in paths if route[0] not in ("HEAD", "OPTIONS")]


def pages_task(task_id: int = 7, *, project: int | None = 1, pages: int = 10) -> dict[str, object]:
    task: dict[str, object] = {"id": task_id, "data": {"frames": [f"/data/{n}.png" for n in range(pages)]}}
    return task if project is None else {**task, "project": project}


def video_task(task_id: int = 8, *, project: int = 2) -> dict[str, object]:
    return {"id": task_id, "project": project, "data": {"video": "/data/clip.mp4"}}


def keypoint(label: str = "Cat", *, page: int = 4, x: float = 50.0, region_id: str = "k1") -> dict[str, object]:
    """A click as the page sends it."""
    return {
        "id": region_id,
        "type": "keypointlabels",
        "from_name": "kp",
        "to_name": "img",
        "origin": "manual",
        "item_index": page,
        "is_positive": True,
        "original_width": 16,
        "original_height": 8,
        "image_rotation": 0,
        "value": {"x": x, "y": 50.0, "width": 0.5, "labels": [label], "keypointlabels": [label]},
    }


def video_box(label: str = "Dog", *, frame: int = 1, region_id: str = "b1") -> dict[str, object]:
    """A labelled box as the page sends it; frame is 1-based."""
    keyframe = {"frame": frame, "enabled": True, "rotation": 0, "x": 10, "y": 10, "width": 50, "height": 50, "time": 0}
    return {
        "id": region_id,
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "clip",
        "origin": "manual",
        "value": {"framesCount": 10, "duration": 0.4, "sequence": [keyframe], "labels": [label]},
    }


def predict_body(
    *tasks: object, label_config: str = FRAMES, project: str = "1.1700000000", regions: list[object] | None = None
) -> dict[str, object]:
    """A /predict body; regions None makes it a batch."""
    context = None if regions is None else {"result": regions}
    return {
        "tasks": list(tasks),
        "project": project,
        "label_config": label_config,
        "params": {"login": "", "password": "", "context": context},
    }
