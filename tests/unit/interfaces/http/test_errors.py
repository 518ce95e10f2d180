"""The HTTP status and message of each error."""

from __future__ import annotations

import errno
import json
import os

import pytest
from fastapi import FastAPI

from backend.domain import errors
from backend.interfaces.http.errors import LONGEST_DETAIL, UNEXPECTED, install, reply_to, status_of
from tests.fakes.web import TestClient


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.MalformedRequest("m"), 400),
        (errors.LabelConfigError("m"), 400),
        (errors.PromptError("m"), 400),
        (errors.TooLarge("m"), 413),
        (errors.NotAllowed("m"), 403),
        (errors.NotFound("m"), 404),
        (errors.MediaError("m"), 422),
        (errors.MediaUnreachable("m"), 503),
        (errors.ModelError("m"), 503),
        (errors.DeviceOutOfMemory("m"), 503),
        (errors.StorageFull("m"), 507),
        (errors.QueueUnavailable("m"), 503),
        (errors.LabelStudioUnavailable("m"), 503),
        (errors.LabelStudioRefused("m"), 503),
        (errors.Cancelled("m"), 409),
        (errors.Superseded("m"), 409),
        (errors.IntegrityError("m"), 503),
    ],
)
def test_each_error_has_its_status_and_keeps_its_sentence(error: errors.MaskletError, status: int) -> None:
    assert status_of(error) == status
    form = {"type": "about:blank", "title": "m", "status": status, "detail": "m", "way_out": ""}
    assert json.loads(bytes(reply_to(error).body)) == form


def test_an_unexpected_error_is_answered_without_its_message() -> None:
    reply = reply_to(errors.error_of("OperationalError: SELECT secret FROM somewhere"))
    assert reply.status_code == 500
    assert json.loads(bytes(reply.body))["detail"] == UNEXPECTED
    assert b"secret" not in reply.body


def test_a_label_of_a_megabyte_is_not_repeated_in_the_error() -> None:
    reply = reply_to(errors.PromptError("x" * 2**20))
    assert len(json.loads(bytes(reply.body))["detail"]) == LONGEST_DETAIL + 1


@pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [(errno.ENOSPC, 507, "no space is left"), (errno.EDQUOT, 507, "no space is left"), (errno.EIO, 500, UNEXPECTED)],
)
def test_a_full_disk_is_told_wherever_it_is_met(number: int, status: int, sentence: str) -> None:
    app = FastAPI()
    install(app)

    @app.get("/")
    def write() -> None:
        raise OSError(number, os.strerror(number))

    reply = TestClient(app, raise_server_exceptions=False).get("/")
    assert reply.status_code == status
    assert reply.json()["detail"].startswith(sentence)


def test_an_overload_says_when_to_try_again() -> None:
    answer = reply_to(errors.Overloaded("too many people click", 7))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
