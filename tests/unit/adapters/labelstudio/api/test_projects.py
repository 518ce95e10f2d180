"""Label Studio's refusals about projects, backends and webhooks, told as its sentences with the way out."""

from __future__ import annotations

import json

import httpx
import pytest

from backend.adapters.labelstudio.api.projects import Projects
from backend.adapters.labelstudio.api.session import Session
from backend.application.ports.projects import WebhookOrder
from backend.domain.errors import LabelStudioRefused

WEBHOOK = WebhookOrder("http://10.0.0.9:9090/webhook", ("ANNOTATION_CREATED",), {"X-Masklet-Secret": "hush"})


def projects(status: int, body: object, sent: list[httpx.Request] | None = None) -> Projects:
    """Projects of a Label Studio that gives one answer to everything."""

    def answer(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request)
        return httpx.Response(status, json=body)

    return Projects(Session("http://studio", "a" * 40, timeout_s=5.0, transport=httpx.MockTransport(answer)))


def test_a_label_config_is_checked_without_being_written() -> None:
    sent: list[httpx.Request] = []
    projects(200, {"config_essential_data_has_changed": True}, sent).require_valid_config(3, "<View/>")
    (request,) = sent
    assert (request.method, request.url.path) == ("POST", "/api/projects/3/validate/")
    assert json.loads(request.content) == {"label_config": "<View/>"}


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (
            400,
            {"detail": "Validation error", "validation_errors": {"label_config": ["Created annotations\nare bad"]}},
            r": Validation error; Created annotations are bad$",
        ),
        (
            400,
            {"detail": "Validation error", "validation_errors": {"title": ["This field is required."]}},
            r": Validation error; title: This field is required\.$",
        ),
        (
            400,
            {"validation_errors": {"non_field_errors": ['Not reached. <a href="https://x">Learn more</a>']}},
            r": Not reached\. Learn more$",
        ),
        (
            403,
            {"detail": "You do not have permission to perform this action."},
            r"permission to perform this action\.; use the token of a user who may do that$",
        ),
    ],
)
def test_a_refusal_is_a_sentence(status: int, body: object, sentence: str) -> None:
    with pytest.raises(LabelStudioRefused, match=sentence):
        projects(status, body).require_valid_config(3, "<View/>")


def test_a_refused_private_address_of_a_webhook_names_the_settings() -> None:
    banned = {"validation_errors": {"url": ["URL resolves to a reserved network address (block: 10.0.0.0/8)"]}}
    with pytest.raises(LabelStudioRefused, match=r"reserved network address.*SSRF_PROTECTION_ENABLED=false"):
        projects(400, banned).add_webhook(3, WEBHOOK)
