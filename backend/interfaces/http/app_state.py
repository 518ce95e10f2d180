"""What all routes share: the parts, the figures, and the threads in which requests wait for workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from backend.application.player.submitted_masks import SubmittedMasks
from backend.application.player.timeline import Timelines
from backend.bootstrap.web import WebParts
from backend.domain.errors import ServiceUnavailable
from backend.interfaces.http.background import Background
from backend.interfaces.http.body import parse_object, read_body
from backend.interfaces.http.body_limits import BodyLimits, BodyMemory
from backend.interfaces.http.metrics import Metrics
from backend.interfaces.http.process_metrics import ProcessMetrics
from backend.interfaces.http.status_poller import StatusPoller
from backend.interfaces.labelstudio.annotation_poll import AnnotationPoll
from backend.interfaces.labelstudio.annotation_writer import AnnotationWriter
from backend.interfaces.labelstudio.annotations import AnnotationSync
from backend.interfaces.labelstudio.unfinished_tracks import UnfinishedTracks

WAITING_THREADS = 64
"""Requests that may wait for workers at once. Each holds a thread that sleeps; /health needs none of them."""

MEDIA_THREADS = 16
"""Media requests at once: pages wait for one decoder, and other requests do not wait for pages."""

QUICK_THREADS = 8
"""Requests that only read or write the ledger: they never queue behind those that wait for workers."""

Reply = TypeVar("Reply", bound=Response)

NO_MODEL = "no worker has announced its model yet; start one with: masklet worker"

Handler = Callable[[dict[str, object]], JSONResponse]


class AppState:
    """One app's shared state."""

    def __init__(self, parts: WebParts) -> None:
        self.parts = parts
        self.pulse = StatusPoller(ledger=parts.ledger, queue=parts.queue, models=parts.models, clock=parts.clock)
        own = ProcessMetrics(parts.leases, parts.mask_cache_bytes)
        self.metrics = Metrics(self.pulse, parts.read_measures, own)
        self.adopter = _adopter(parts)
        self.poll = _poll(parts, self.adopter)
        self.current_masks = parts.open_current_masks()
        self.timelines = Timelines(self.current_masks, parts.key_values)
        self.writer = _writer(parts, SubmittedMasks(self.current_masks, self.timelines))
        self.background: tuple[Background, ...] = ()
        """What runs beside the requests; empty before the app is served."""
        self._waiting = CapacityLimiter(WAITING_THREADS)
        self._unlimited = CapacityLimiter(math.inf)
        """The threads of requests that wait for a worker."""
        self._quick = CapacityLimiter(QUICK_THREADS)
        self._media = CapacityLimiter(MEDIA_THREADS)
        self._bodies = BodyMemory(parts.settings.max_body_bytes)

    @property
    def model_version(self) -> str:
        """The announced model version; before the first announcement a name ending in `-starting`."""
        model = self.parts.models.announced()
        return model.version if model is not None else f"masklet-{self.parts.settings.model}-starting"

    def require_model_version(self) -> str:
        """The version to make masks with. Raises ServiceUnavailable before any worker has announced its model."""
        model = self.parts.models.announced()
        if model is None:
            raise ServiceUnavailable(NO_MODEL)
        return model.version

    async def answer(self, request: Request, handler: Handler, *, waits: bool = False) -> JSONResponse:
        """Read the body, then parse and handle it in a thread: neither holds up the other requests.

        waits: whether the handler waits for workers. Raises what reading, parsing and the handler raise, and
        ServiceUnavailable if no thread came free in the time that a request may be held.
        """
        with self._bodies.reserve() as memory:
            body = await read_body(request, BodyLimits(self.parts.settings.max_body_bytes), memory)
            return await self._answer(body, handler, waits=waits)

    async def _answer(self, body: bytes, handler: Handler, *, waits: bool) -> JSONResponse:
        if not waits:
            return await self.quickly(lambda: handler(parse_object(body)))
        return await self.waiting(lambda: handler(parse_object(body)))

    async def waiting(self, work: Callable[[], Reply]) -> Reply:
        """Work that waits for workers, in a thread. Raises ServiceUnavailable as `answer` does."""
        borrower = object()
        with anyio.move_on_after(self.parts.settings.reply_deadline_s) as patience:
            await self._waiting.acquire_on_behalf_of(borrower)
        if patience.cancelled_caught:
            raise ServiceUnavailable(f"{WAITING_THREADS} requests wait for workers already; ask again")
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._unlimited)
        finally:
            self._waiting.release_on_behalf_of(borrower)

    async def quickly(self, work: Callable[[], Reply]) -> Reply:
        """Work without a body, in a thread."""
        return await anyio.to_thread.run_sync(work, limiter=self._quick)

    async def looked_up(self, work: Callable[[], Reply]) -> Reply:
        """Work on media, in a thread of those kept for it."""
        return await anyio.to_thread.run_sync(work, limiter=self._media)


def json_reply(content: Mapping[str, object], status: int = 200) -> JSONResponse:
    """Rendered where it is called, which is in the handler's thread: large results take a while."""
    return JSONResponse(content, status_code=status)


def _poll(parts: WebParts, adopter: AnnotationSync | None) -> AnnotationPoll | None:
    if adopter is None or parts.label_studio is None:
        return None
    return AnnotationPoll(adopter, parts.label_studio, parts.key_values, parts.clock)


def _adopter(parts: WebParts) -> AnnotationSync | None:
    if parts.label_studio is None:
        return None
    return AnnotationSync(
        parts.annotation_service,
        parts.label_studio,
        parts.models,
        parts.key_values,
        parts.task_signer,
        parts.codec,
        parts.prewarm_channel,
        is_verified=_nothing_verified if parts.router is None else parts.router.is_verified,
    )


def _nothing_verified(_: int) -> bool:
    return False


def _writer(parts: WebParts, submitted: SubmittedMasks) -> AnnotationWriter | None:
    if parts.label_studio is None or parts.annotation_editor is None:
        return None
    return AnnotationWriter(
        parts.label_studio,
        parts.annotation_editor,
        parts.models,
        submitted,
        UnfinishedTracks(parts.key_values),
        parts.prewarm_channel,
    )
