"""Media for browsers: `/media/...`, by signed address.

Readable from Label Studio's page of any origin: the signature is the permission, and no login is sent;
kept by browsers, for what an address leads to never changes. Videos are served by ranges.
"""

from __future__ import annotations

import hashlib

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.requests import Request

from backend.adapters.media.serving.addresses import PREFIX
from backend.adapters.media.serving.service import MediaService, Served
from backend.adapters.report.object_picture import object_picture
from backend.application.review.object_pictures import PicturedObject, object_view
from backend.bootstrap.web import WebParts
from backend.interfaces.http.app_state import AppState

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
KEPT = "private, max-age=31536000, immutable"
ASKED_AGAIN = "private, no-cache"
"""Of pictures of objects: their masks change."""

PREFLIGHT = {
    **HEADERS,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range, If-None-Match, If-Range",
    "Access-Control-Max-Age": "86400",
}


def media_routes(service: AppState, media: MediaService) -> APIRouter:
    router = APIRouter()

    @router.options(PREFIX + "{rest:path}", include_in_schema=False)
    async def preflight(rest: str) -> Response:
        return Response(status_code=204, headers=PREFLIGHT)

    @router.api_route(PREFIX + "{rest:path}", methods=["GET", "HEAD"], response_class=Response, include_in_schema=False)
    async def show(rest: str, request: Request) -> Response:
        return await service.looked_up(lambda: _reply(service, media, PREFIX + rest, request))

    return router


def _reply(service: AppState, media: MediaService, path: str, request: Request) -> Response:
    grant = media.grant(path)
    subject = PicturedObject.of_name(grant.media_id)
    served = media.serve(grant) if subject is None else _pictured(subject, service.parts, media)
    tag = f'"{served.tag}"'
    headers = {**HEADERS, "Cache-Control": KEPT if subject is None else ASKED_AGAIN, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if served.path is not None:
        return FileResponse(served.path, headers=headers, media_type=served.media_type)
    return Response(served.body, headers=headers, media_type=served.media_type)


def _pictured(subject: PicturedObject, parts: WebParts, media: MediaService) -> Served:
    """The picture of an object, from the masks of now. Raises NotFound, MediaError or MediaUnreachable."""
    view = object_view(subject, parts.ledger, parts.annotation_service.masks)
    frame = media.picture(view.media, view.video, subject.frame_index)
    mask = None if view.mask is None else parts.codec.decode(view.mask)
    body = object_picture(frame.body, view.video.size, mask=mask, box=view.box, caption=view.caption)
    return Served("image/svg+xml", hashlib.sha256(f"{view.run} {subject.name}".encode()).hexdigest()[:32], body=body)
