"""Masklet's errors as HTTP replies: a status and one sentence (problem+json, RFC 9457), never a traceback, never the
body that was sent.

Label Studio keeps only the status line of a failed call, so the sentence is for the log and for direct callers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TypedDict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from backend.codecs.full_disk import is_full, storage_full
from backend.domain.errors import (
    Cancelled,
    InvalidInput,
    MaskletError,
    MediaError,
    NotAllowed,
    NotFound,
    Overloaded,
    StorageFull,
    TooLarge,
)

logger = logging.getLogger(__name__)

LONGEST_DETAIL = 500
"""A sentence may quote a value of the request; a megabyte of label is not sent back."""

UNEXPECTED = "Masklet made a mistake; its log says what happened"

STATUS_OF: tuple[tuple[type[MaskletError], int], ...] = (
    (TooLarge, 413),
    (InvalidInput, 400),
    (NotAllowed, 403),
    (NotFound, 404),
    (MediaError, 422),
    (Cancelled, 409),
    (StorageFull, 507),
    (MaskletError, 503),
)
"""First match wins. What is left over is a service, a device or a model that is not ready: try again later."""


def status_of(error: MaskletError) -> int:
    """The HTTP status for an error; 500 for the bare base class."""
    if type(error) is MaskletError:
        return 500
    return next(status for kind, status in STATUS_OF if isinstance(error, kind))


class Problem(TypedDict):
    """The content of a refusal. detail: one sentence for people. way_out: what they can do; may be empty."""

    type: str
    title: str
    status: int
    detail: str
    way_out: str


def problem_form(status: int, sentence: str, way_out: str = "") -> Problem:
    """The sentence is shortened to a length that fits a log line."""
    shown = sentence if len(sentence) <= LONGEST_DETAIL else sentence[:LONGEST_DETAIL] + "…"
    return {"type": "about:blank", "title": shown, "status": status, "detail": shown, "way_out": way_out}


def reply(status: int, sentence: str, headers: Mapping[str, str] | None = None, *, way_out: str = "") -> JSONResponse:
    """A problem as a response."""
    form = problem_form(status, sentence, way_out)
    return JSONResponse(form, status_code=status, headers=headers, media_type="application/problem+json")


def reply_to(error: MaskletError) -> JSONResponse:
    """The reply to one of our own errors."""
    status = status_of(error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Overloaded) else None
    return reply(status, UNEXPECTED if status == 500 else str(error), headers)


def log_refusal(request: Request, error: MaskletError, status: int) -> None:
    """A line for a call that one of our own errors ended."""
    logger.log(
        logging.ERROR if status == 500 else logging.INFO,
        "%s %s: %d %s: %s",
        request.method,
        request.url.path,
        status,
        type(error).__name__,
        str(error)[:LONGEST_DETAIL],
    )


def install(app: FastAPI) -> None:
    """Register the translations; FastAPI's own would echo the input (422) or leak a traceback (500)."""

    async def masklet_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, MaskletError)
        answer = reply_to(error)
        log_refusal(request, error, answer.status_code)
        return answer

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers) if error.headers else None
        return reply(error.status_code, str(error.detail), headers)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        names = sorted({str(problem["loc"][-1]) for problem in error.errors() if problem.get("loc")})
        return reply(400, f"invalid field: {', '.join(names) or 'body'}")

    async def gone(request: Request, error: Exception) -> JSONResponse:
        return reply(400, "the body ended before its end")

    async def disk_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OSError)
        if not is_full(error):
            raise error
        return await masklet_error(request, storage_full("the data folder"))

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return reply(500, UNEXPECTED)

    app.add_exception_handler(MaskletError, masklet_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(OSError, disk_error)
    app.add_exception_handler(Exception, unexpected)
