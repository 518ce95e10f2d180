"""Label Studio's version, user and config, and connecting a backend to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpx
import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.application.ports.projects import BackendOrder, BackendRecord
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, NotAllowed

URL = "http://10.0.0.9:9090"
BANNED = {"detail": "URL resolves to a reserved network address"}


@dataclass
class LabelStudioStub:
    """Keeps a backend even while it answers 403, if `keeps`: Label Studio does when only the webhook failed."""

    status: int = 201
    keeps: bool = True
    backends: list[dict[str, object]] = field(default_factory=list)
    posted: list[dict[str, object]] = field(default_factory=list)

    def client(self) -> LabelStudioClient:
        return LabelStudioClient("http://studio", "a" * 40, transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/version/":
            return httpx.Response(200, json={"release": "1.23.2"})
        if request.url.path == "/api/current-user/whoami":
            return httpx.Response(200, json={"id": 1, "username": "ann", "email": "ann@example.org"})
        if request.url.path == "/api/projects/3/":
            return httpx.Response(200, json={"id": 3, "label_config": "<View/>"})
        assert request.url.path == "/api/ml/"
        if request.method == "GET":
            assert request.url.params["project"] == "3"
            return httpx.Response(200, json=self.backends)
        self.posted.append(json.loads(request.content))
        if self.keeps:
            self.backends.append({"id": 7, "url": URL, "project": 3, "title": "Masklet", "state": "CO"})
        return httpx.Response(self.status, json=self.backends[-1] if self.status == 201 else BANNED)


def test_its_version_user_and_config_are_read() -> None:
    client = LabelStudioStub().client()
    assert (client.version(), client.whoami(), client.label_config(3)) == ("1.23.2", "ann@example.org", "<View/>")


def test_a_backend_is_connected_once() -> None:
    label_studio = LabelStudioStub()
    made = label_studio.client().projects.connect_backend(3, BackendOrder(URL, "Masklet", "u", "p"))
    again = label_studio.client().projects.connect_backend(3, BackendOrder(URL + "/", "Masklet"))
    assert made == again == BackendRecord(7, URL, "Masklet", is_connected=True, is_interactive=False, problem="")
    assert len(label_studio.posted) == 1
    wanted = {"url": URL, "project": 3, "is_interactive": True, "auth_method": "BASIC_AUTH", "basic_auth_user": "u"}
    assert wanted.items() <= label_studio.posted[0].items()


def test_a_backend_kept_despite_a_refusal_is_connected() -> None:
    projects = LabelStudioStub(status=403).client().projects
    assert projects.connect_backend(3, BackendOrder(URL, "Masklet")).backend_id == 7


def test_a_refused_backend_names_the_missing_settings() -> None:
    with pytest.raises(LabelStudioRefused, match=r"reserved network address.*ML_BLOCK_LOCAL_IP=false"):
        LabelStudioStub(status=403, keeps=False).client().projects.connect_backend(3, BackendOrder(URL, "Masklet"))


@pytest.mark.parametrize("url", ["", "studio:8080", "ftp://studio", "http://user:pass@studio"])
def test_an_invalid_label_studio_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(NotAllowed):
        LabelStudioClient(url, "a" * 40)


def test_an_unreachable_label_studio_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = LabelStudioClient("http://studio", "a" * 40, transport=httpx.MockTransport(refuse))
    with pytest.raises(LabelStudioUnavailable, match="http://studio does not answer"):
        client.version()
