"""Wiring of the web process. It imports neither the model nor the decoder: workers hold those."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import ChangedTask, DraftRecord, TaskRecord
from backend.adapters.labelstudio.api.sdk import load_sdk
from backend.adapters.labelstudio.api.user_access import UserAccess
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.machine.clocks import WallClock
from backend.adapters.machine.processes import is_dead, own_place
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.service import MediaService
from backend.adapters.media.serving.thumbnails import Thumbnails
from backend.adapters.queue.detection_channel import RedisDetectionChannel
from backend.adapters.queue.hover_channel import RedisHoverChannel
from backend.adapters.queue.job_notifier import RedisNotifier
from backend.adapters.queue.signals import RedisLogins, RedisPrewarmChannel, RedisSessionCursors
from backend.adapters.store.objects.s3 import S3Objects
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.annotation.click_load import ClickLoad
from backend.application.annotation.prompt_checks import frame_counter
from backend.application.annotation.tracking_sessions import SessionCursors
from backend.application.crowd.lead.background_quality import BackgroundQuality
from backend.application.crowd.lead.crowd_queues import CrowdQueues
from backend.application.crowd.lead.measuring_turns import MeasuringTurns
from backend.application.crowd.lead.observed import NOTHING_OBSERVED, Crowd, Quality
from backend.application.crowd.routing.router import Router
from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.imports.segment_handover import Handover
from backend.application.jobs.leases import LeaseKeeper
from backend.application.jobs.leftovers import Leftovers
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.retry import SETTINGS, note_change
from backend.application.jobs.submit import Submitter
from backend.application.player.current_masks import CurrentMasks, open_current_masks
from backend.application.ports.clock import Clock
from backend.application.ports.cluster.logins import LoginStore
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec
from backend.application.ports.measuring.measures import Measures
from backend.application.ports.queue import JobQueue
from backend.application.ports.requests.detection import DetectionChannel
from backend.application.ports.requests.hover import HoverChannel
from backend.application.ports.requests.prewarm import PrewarmChannel
from backend.application.review.task_signature import TaskSigner
from backend.bootstrap.background import open_handover, open_housekeeper, open_leftovers
from backend.bootstrap.container import Container
from backend.bootstrap.crowd.people import quality_service
from backend.bootstrap.crowd.routing import open_router
from backend.bootstrap.masks.check import require_store
from backend.bootstrap.monitoring.board import open_measures_board
from backend.bootstrap.training.web import WebTrainings, open_web_trainings
from backend.codecs.coco_rle import CocoCodec
from backend.domain.tasks import TaskKey

THUMBNAIL_BYTES = 256 * 2**20
"""Size of the cache of thumbnails: some 20,000."""


class AnnotationReader(Protocol):
    """Reads tasks, annotations and label configs from Label Studio.

    Every call raises LabelStudioUnavailable, LabelStudioRefused or NotFound.
    """

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        """Raises NotAllowed if the task is not of that project."""
        ...

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]: ...

    def label_config(self, project_id: int) -> str: ...

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]: ...


class AnnotationEditor(Protocol):
    """Reads and changes single annotations. Raises as AnnotationReader does."""

    def read(self, annotation_id: int) -> AnnotationRecord: ...

    def put_result(self, annotation_id: int, result: list[object]) -> AnnotationRecord: ...


class DraftReader(Protocol):
    """Reads drafts from Label Studio. Raises as AnnotationReader does."""

    def drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]: ...


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the web process: credentials, body limit, reply deadline, model, prewarming."""

    user: str = ""
    password: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    reply_deadline_s: float = 25.0
    max_body_bytes: int = 64 * 2**20
    model: str = "auto"
    prewarm_frames: int = 3
    allowed_hosts: tuple[str, ...] = ()
    """Host names under which Masklet may be called, besides loopback names and network addresses."""
    public_url: str = ""
    player_shared_masks: bool = False
    effort: bool = True
    leads: tuple[str, ...] = ()
    """E-mails or ids of the users of Label Studio who may open the lead's page."""


@dataclass(frozen=True, slots=True)
class PlayerParts:
    """What the player asks Label Studio for. key: signs the sessions. label_studio_url: may frame the page.

    logins: of people who sign in with a token, for all web processes.
    """

    access: UserAccess
    key: bytes = field(repr=False)
    label_studio_url: str
    logins: LoginStore


@dataclass(frozen=True, slots=True)
class WebParts:
    """The collaborators of the web process. label_studio is None without LABEL_STUDIO_URL."""

    settings: WebSettings
    ledger: Ledger
    queue: JobQueue
    annotation_service: AnnotationService
    click_load: ClickLoad
    reconciler: Reconciler
    leftovers: Leftovers
    models: ModelDirectory
    clock: Clock
    prewarm_channel: PrewarmChannel
    hover_channel: HoverChannel
    detection_channel: DetectionChannel
    session_cursors: SessionCursors
    key_values: KeyValueStore
    task_signer: TaskSigner
    codec: MaskCodec
    label_studio: AnnotationReader | None = None
    drafts: DraftReader | None = None
    media: MediaService | None = None
    handover: Handover | None = None
    player: PlayerParts | None = None
    annotation_editor: AnnotationEditor | None = None
    router: Router | None = None
    thumbnails: Thumbnails | None = None
    exports: Path | None = None
    """The folder of exports that leads start; None: none can be started."""
    shared_exports: S3Objects | None = None
    """Where finished exports lie if machines share a store."""
    quality: Quality = NOTHING_OBSERVED
    crowd: Crowd = NOTHING_OBSERVED
    """What the lead's page shows of people and of queues."""
    measuring: MeasuringTurns | None = None
    """Measures quality beside the requests; None without a Label Studio."""
    leases: LeaseKeeper | None = None
    """Which loops of the cluster run in this process; None: all of them."""
    trainings: WebTrainings | None = None
    """None without a Label Studio: there are no labels to learn from."""
    read_measures: Callable[[], Mapping[str, Measures]] = dict
    """The measures of the live workers, by name."""
    mask_cache_bytes: Callable[[], int] | None = None
    """The size of this host's cache of masks; None without one."""

    def open_current_masks(self) -> CurrentMasks:
        """The masks that the player shows."""
        return open_current_masks(self.annotation_service, self.key_values, self.codec)


def build_web(container: Container) -> WebParts:
    """The collaborators that the settings name. What waits for its next try is tried now.

    Raises InvalidInput for a setting that cannot work, StoreRefused if the store of masks cannot, ServiceUnavailable if
    the ledger cannot be opened,
    QueueUnavailable without REDIS_URL and without a running `masklet up`. A server at REDIS_URL may be away.
    """
    clock = container.clock
    require_store(container)
    ledger, queue, masks, cache = container.ledger, container.queue, container.masks, container.mask_cache
    label_studio = container.label_studio
    if label_studio is not None:
        load_sdk()
    submitter = Submitter(ledger, queue)
    pusher = None if label_studio is None else Pusher(ledger, masks, label_studio, build_regions, clock)
    prewarm_channel = RedisPrewarmChannel(container.queue_address)
    service = AnnotationService(
        ledger,
        masks,
        submitter,
        clock,
        RedisNotifier(container.queue_address),
        frame_counter(prewarm_channel),
        container.settings.propagate_on_prompt,
    )
    media = open_media_service(container)
    measuring = None if label_studio is None else MeasuringTurns(ledger, label_studio, clock)
    ledger.hasten()
    note_change(ledger, container.key_values, SETTINGS, _retried_settings(container), None)
    return WebParts(
        settings=_web_settings(container),
        ledger=ledger,
        queue=queue,
        annotation_service=service,
        click_load=ClickLoad(ledger, queue, clock),
        reconciler=Reconciler(
            ledger,
            queue,
            submitter,
            clock,
            pusher,
            heartbeat_ttl_s=container.settings.heartbeat_ttl_s,
            max_attempts=container.settings.max_attempts,
            housekeeper=open_housekeeper(container),
        ),
        models=container.model_announcement,
        clock=clock,
        label_studio=label_studio,
        drafts=label_studio,
        annotation_editor=None if label_studio is None else label_studio.saved,
        media=media,
        player=None if label_studio is None else _player_parts(container),
        router=None if label_studio is None else open_router(container, service),
        handover=None if label_studio is None else open_handover(label_studio, media.records, service),
        leftovers=open_leftovers(container),
        prewarm_channel=prewarm_channel,
        hover_channel=RedisHoverChannel(container.queue_address),
        detection_channel=RedisDetectionChannel(container.queue_address),
        session_cursors=RedisSessionCursors(container.queue_address),
        key_values=container.key_values,
        task_signer=container.task_signer,
        codec=CocoCodec(),
        thumbnails=Thumbnails(PageDecoder(), PageCache(container.folder.thumbnails, THUMBNAIL_BYTES)),
        exports=container.folder.exports,
        shared_exports=None if container.shared_store is None else container.shared_store.objects("exports"),
        quality=BackgroundQuality(
            quality_service(container),
            is_measured_now=(lambda _: False) if measuring is None else measuring.is_measuring,
        ),
        measuring=measuring,
        crowd=CrowdQueues(ledger, CrowdStatuses(ledger, ledger, clock)),
        leases=LeaseKeeper(ledger, clock, own_place(), is_dead),
        trainings=None if label_studio is None else open_web_trainings(container),
        read_measures=open_measures_board(container).all,
        mask_cache_bytes=None if cache is None else lambda: cache.nbytes,
    )


def _retried_settings(container: Container) -> str:
    """The settings whose change may mend a refusal."""
    settings = container.settings
    token = settings.label_studio_token.get_secret_value()
    return "\0".join((settings.label_studio_url, token, settings.media_hosts))


def _player_parts(container: Container) -> PlayerParts:
    url = container.settings.label_studio_url
    access = UserAccess(url, container.label_studio_session())
    logins = RedisLogins(container.queue_address)
    return PlayerParts(access, container.media_signer.key, container.label_studio_public_url, logins)


def _web_settings(container: Container) -> WebSettings:
    settings = container.settings
    return WebSettings(
        user=settings.basic_auth_user,
        password=settings.basic_auth_pass.get_secret_value(),
        webhook_secret=settings.webhook_secret.get_secret_value(),
        reply_deadline_s=settings.reply_deadline_s,
        max_body_bytes=settings.max_body_mib * 2**20,
        model=settings.model,
        prewarm_frames=settings.prewarm_frames,
        allowed_hosts=(*settings.allowed_hosts.split(","), settings.host, container.public_url),
        public_url=container.public_url,
        player_shared_masks=settings.player_shared_masks,
        effort=settings.effort,
        leads=tuple(settings.leads.split(",")),
    )


def open_media_service(container: Container) -> MediaService:
    """The service of the media that the web process serves; starts nothing before the first page is asked for."""
    folder = container.folder
    cache = PageCache(folder.pages, container.settings.page_cache_mib * 2**20)
    return MediaService(container.media_signer, container.import_records, PageDecoder(), cache, WallClock())
