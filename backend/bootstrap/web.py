"""The web process, put together. Reaches neither the model nor the decoder: workers have those."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from backend.adapters.labelstudio.api.client import AnnotationRecord, ChangedTask, DraftRecord, TaskRecord
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.media.serving.service import MediaService
from backend.adapters.queue.signals import RedisNotifier, RedisPrewarmChannel, RedisSessionCursors
from backend.adapters.store.masks.coco import CocoCodec
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.annotation.tracking_sessions import NoSessionCursors, SessionCursors
from backend.application.imports.segment_handover import Handover
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.key_value import KeyValueStore, MemoryKeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec
from backend.application.ports.prewarm import NoPrewarmChannel, PrewarmChannel
from backend.application.ports.queue import JobQueue
from backend.application.review.task_signature import TaskSigner
from backend.bootstrap.container import (
    SystemClock,
    open_key_values,
    open_label_studio,
    open_ledger_of,
    open_masks,
    open_model_announcement,
    open_queue,
    open_task_signer,
    queue_address,
)
from backend.bootstrap.handover import open_handover
from backend.bootstrap.housekeeping import open_housekeeper
from backend.bootstrap.media_service import open_media_service
from backend.domain.tasks import TaskKey
from backend.settings import Settings


class AnnotationReader(Protocol):
    """Label Studio, as far as reading what annotators did goes.

    Every call raises LabelStudioUnavailable, LabelStudioRefused or NotFound.
    """

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        """Raises NotAllowed if the task is not of that project."""
        ...

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]: ...

    def label_config(self, project_id: int) -> str: ...

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]: ...


class DraftReader(Protocol):
    """Label Studio, as far as what is on people's canvases goes. Raises as AnnotationReader does."""

    def drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]: ...


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the web process is told: whom it admits, how much it takes, how long it holds a request."""

    user: str = ""
    password: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    reply_deadline_s: float = 25.0
    max_body_bytes: int = 64 * 2**20
    model: str = "auto"
    prewarm_frames: int = 3


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything the web process works with. label_studio is None where the settings name none."""

    settings: WebSettings
    ledger: Ledger
    queue: JobQueue
    annotation_service: AnnotationService
    reconciler: Reconciler
    models: ModelDirectory
    clock: Clock
    label_studio: AnnotationReader | None = None
    drafts: DraftReader | None = None
    media: MediaService | None = None
    handover: Handover | None = None
    prewarm_channel: PrewarmChannel = field(default_factory=NoPrewarmChannel)
    session_cursors: SessionCursors = field(default_factory=NoSessionCursors)
    key_values: KeyValueStore = field(default_factory=MemoryKeyValueStore)
    task_signer: TaskSigner = field(default_factory=TaskSigner)
    codec: MaskCodec = field(default_factory=CocoCodec)


def build_web(settings: Settings) -> WebParts:
    """The parts that the settings name.

    Raises InvalidInput for a setting that cannot work, ServiceUnavailable if the ledger cannot be opened,
    QueueUnavailable if no queue is named and none runs. A queue that is named and away is no hindrance.
    """
    clock = SystemClock()
    ledger, queue, masks = open_ledger_of(settings, clock), open_queue(settings), open_masks(settings)
    notes = open_key_values(settings)
    label_studio = open_label_studio(settings)
    submitter = Submitter(ledger, queue)
    pusher = None if label_studio is None else Pusher(ledger, masks, label_studio, build_regions, clock)
    desk = AnnotationService(
        ledger, masks, submitter, clock, settings.propagate_on_prompt, RedisNotifier(queue_address(settings))
    )
    media = open_media_service(settings)
    return WebParts(
        settings=_web_settings(settings),
        ledger=ledger,
        queue=queue,
        annotation_service=desk,
        reconciler=Reconciler(
            ledger,
            queue,
            submitter,
            clock,
            pusher,
            heartbeat_ttl_s=settings.heartbeat_ttl_s,
            max_attempts=settings.max_attempts,
            housekeeper=open_housekeeper(
                settings, ledger=ledger, masks=masks, notes=notes, clock=clock, label_studio=label_studio
            ),
        ),
        models=open_model_announcement(settings),
        clock=clock,
        label_studio=label_studio,
        drafts=label_studio,
        media=media,
        handover=None if label_studio is None else open_handover(label_studio, media.records, desk),
        prewarm_channel=RedisPrewarmChannel(queue_address(settings)),
        session_cursors=RedisSessionCursors(queue_address(settings)),
        key_values=notes,
        task_signer=open_task_signer(settings),
    )


def _web_settings(settings: Settings) -> WebSettings:
    return WebSettings(
        user=settings.basic_auth_user,
        password=settings.basic_auth_pass.get_secret_value(),
        webhook_secret=settings.webhook_secret.get_secret_value(),
        reply_deadline_s=settings.reply_deadline_s,
        max_body_bytes=settings.max_body_mib * 2**20,
        model=settings.model,
        prewarm_frames=settings.prewarm_frames,
    )
