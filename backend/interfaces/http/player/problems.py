"""Refusals of the player's API: `application/problem+json` with one sentence, and what the person can do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request

from backend.domain.errors import (
    DetectorMissing,
    LabelStudioUnavailable,
    MaskletError,
    MediaError,
    MediaUnreachable,
    NotAllowed,
    NotYet,
    QueueUnavailable,
    ServiceUnavailable,
    StorageFull,
    StoreUnavailable,
)
from backend.interfaces.http.errors import UNEXPECTED, Problem, log_refusal, problem_form, reply, status_of

PAGE_HEADER = "x-masklet-player"
"""A page of another origin cannot set it: its preflight is not answered."""

READING = ("GET", "HEAD")
UNCACHED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class SignInNeeded(MaskletError):
    """The caller is not signed in."""


class NotShared(NotAllowed):
    """The settings keep people's masks apart."""

    def __init__(self) -> None:
        super().__init__("The setting MASKLET_PLAYER_SHARED_MASKS is off: nobody sees the masks of other people.")


class NotLead(NotAllowed):
    """The caller is not among the leads of the settings."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The lead's page is for the leads of this Masklet, and {name} is not among them.")


class NoLeads(NotAllowed):
    """The settings name no lead."""

    def __init__(self) -> None:
        super().__init__("The lead's page is for the leads of this Masklet, and none are named yet.")


WAYS_OUT: tuple[tuple[type[MaskletError], str], ...] = (
    (SignInNeeded, "Log in to Label Studio in this browser, or give a token."),
    (NotShared, "Ask the person who runs Masklet to set MASKLET_PLAYER_SHARED_MASKS=true."),
    (NotLead, "Ask the person who runs Masklet to add your e-mail to MASKLET_LEADS."),
    (NoLeads, "Set MASKLET_LEADS to their e-mails in Label Studio, with commas between, and start Masklet again."),
    (NotAllowed, "Log in to Label Studio, or ask for access to the project."),
    (DetectorMissing, "Ask the person who runs Masklet for one, or click the objects."),
    (MediaError, "Check the file, or import it again."),
    (MediaUnreachable, "Check that the media's server answers, then try again."),
    (StorageFull, "Free some space on that disk, then try again."),
    (LabelStudioUnavailable, "Check that Label Studio runs, then try again."),
    (StoreUnavailable, "Check the store with `masklet doctor`, then try again."),
    (QueueUnavailable, "Start the queue's server or `masklet up`, then try again."),
    (ServiceUnavailable, "Check with `masklet doctor` that a worker runs, then try again."),
)

STATUS_OF: tuple[tuple[type[MaskletError], int], ...] = ((SignInNeeded, 401), (NotYet, 409))
"""Beside those of all calls."""


class PlayerRoute(APIRoute):
    """A route of the player's API: checks the page's header, and answers errors as problems."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if request.method not in READING and request.headers.get(PAGE_HEADER) != "1":
                return problem(403, "This call needs the header X-Masklet-Player: 1.")
            try:
                reply = await handle(request)
            except MaskletError as error:
                return problem_of(error, request)
            except HTTPException as error:
                return problem(error.status_code, str(error.detail))
            except RequestValidationError as error:
                names = sorted({str(each["loc"][-1]) for each in error.errors() if each.get("loc")})
                return problem(400, f"invalid field: {', '.join(names) or 'body'}")
            reply.headers.setdefault("X-Content-Type-Options", "nosniff")
            reply.headers.setdefault("Cache-Control", "no-store")
            return reply

        return answer


def problem(status: int, sentence: str, way_out: str = "") -> JSONResponse:
    """One sentence for people, and what to do; way_out may be empty."""
    return reply(status, sentence, UNCACHED, way_out=way_out)


def problem_form_of(error: MaskletError) -> Problem:
    """The content of the problem of one of our own errors."""
    way_out = next((way_out for kind, way_out in WAYS_OUT if isinstance(error, kind)), "")
    status = next((status for kind, status in STATUS_OF if isinstance(error, kind)), None) or status_of(error)
    return problem_form(status, UNEXPECTED if status == 500 else str(error), way_out)


def problem_of(error: MaskletError, request: Request) -> JSONResponse:
    """The problem of one of our own errors; logs it, unless it is part of every day."""
    form = problem_form_of(error)
    if not isinstance(error, SignInNeeded | NotYet):
        log_refusal(request, error, form["status"])
    return problem(form["status"], form["detail"], form["way_out"])
