"""Requests that web pages of other origins send, and those of Label Studio's server."""

from __future__ import annotations

import pytest

from backend.interfaces.http.errors import Problem
from backend.interfaces.http.same_origin import AllowedHosts
from tests.fakes.web import FakeWeb, TestClient, keypoint, pages_task, predict_body, served_routes

JSON = {"Content-Type": "application/json"}
CLICK = predict_body(pages_task(), regions=[keypoint()])


def client(*, password: str = "", allowed_hosts: tuple[str, ...] = (), public_url: str = "") -> TestClient:
    web = FakeWeb().with_settings(user="annie", password=password, allowed_hosts=allowed_hosts, public_url=public_url)
    client = web.client()
    if password:
        client.auth = ("annie", password)
    return client


def test_every_route_is_enumerated() -> None:
    routes = served_routes(FakeWeb().app)
    assert {("POST", "/predict"), ("POST", "/jobs/p-1/cancel"), ("GET", "/jobs"), ("GET", "/health")} <= set(routes)


FOREIGN = (
    {"Host": "evil.example"},
    {"Host": "evil.example:9090"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "https://127.0.0.1:9090.evil.example"},
    {"Origin": "http://127.0.0.1:8080"},
    {"Origin": "http://localhost:9090"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
)


@pytest.mark.parametrize("password", ["", "pass"])
def test_a_page_of_another_origin_is_refused_everywhere(password: str) -> None:
    caller = client(password=password)
    for method, path in served_routes(FakeWeb().app):
        for headers in FOREIGN:
            reply = caller.request(method, path, headers=JSON | headers, content=b"{}" if method == "POST" else None)
            assert (reply.status_code, frozenset(reply.json())) == (403, Problem.__required_keys__), (
                method,
                path,
                headers,
            )


def test_what_does_not_say_json_is_refused_everywhere() -> None:
    caller = client()
    posts = [path for method, path in served_routes(FakeWeb().app) if method == "POST"]
    assert len(posts) >= 7
    for path in posts:
        for kind in (None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            reply = caller.post(path, content=b"{}", headers={} if kind is None else {"Content-Type": kind})
            assert reply.status_code == 415, (path, kind)
            assert "Content-Type: application/json" in reply.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:9090"},
        {"Host": "LOCALHOST"},
        {"Host": "[::1]:9090"},
        {"Host": "192.168.1.7:9090"},
        {"Host": "masklet.localhost"},
        {"Host": "127.0.0.1:9090", "Origin": "http://127.0.0.1:9090", "Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
        {"Content-Type": "application/json; charset=utf-8"},
    ],
    ids=str,
)
def test_label_studios_server_and_own_pages_are_answered(headers: dict[str, str]) -> None:
    caller = client()
    assert caller.post("/predict", json=CLICK, headers=headers).status_code == 200
    webhook = caller.post("/webhook", json={"action": "PROJECT_UPDATED"}, headers=headers)
    assert (webhook.status_code, webhook.json()["status"]) == (200, "ignored")


def test_a_link_to_a_page_is_followed() -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client().get("/health", headers=link).status_code == 200
    assert client().post("/jobs/p-1/cancel", headers=JSON | link).status_code == 403


@pytest.mark.parametrize("destination", ["embed", "iframe", "object"])
def test_the_player_alone_is_shown_in_frames(destination: str) -> None:
    framed = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": destination}
    answers = {path: client().get(path, headers=framed).status_code for path in ("/player", "/health", "/jobs")}
    assert answers == {"/player": 200, "/health": 403, "/jobs": 403}


def test_two_host_headers_are_refused() -> None:
    hosts = [(b"host", b"127.0.0.1"), (b"host", b"evil.example")]
    assert client().get("/health", headers=hosts).status_code == 400


def test_a_refused_host_name_names_the_setting() -> None:
    reply = client().get("/health", headers={"Host": "masklet.example.org"})
    sentence = "Masklet is not called 'masklet.example.org': add the name to MASKLET_ALLOWED_HOSTS if it should be"
    assert reply.json()["detail"] == sentence


def test_host_names_of_the_settings_are_allowed() -> None:
    caller = client(allowed_hosts=("masklet.example.org", "https://other.example:8443/base", ".team.example", ""))
    for host, status in (
        ("masklet.example.org", 200),
        ("MASKLET.example.org.:80", 200),
        ("other.example:8443", 200),
        ("a.team.example", 200),
        ("team.example", 403),
        ("sub.masklet.example.org", 403),
    ):
        assert caller.get("/health", headers={"Host": host}).status_code == status, host
    assert client(allowed_hosts=("*",)).get("/health", headers={"Host": "any.example"}).status_code == 200


def test_pages_behind_a_proxy_are_of_the_public_url() -> None:
    caller = client(allowed_hosts=("https://masklet.example.org",), public_url="https://masklet.example.org")
    own = {"Host": "masklet.example.org", "Origin": "https://masklet.example.org"}
    assert caller.post("/predict", json=CLICK, headers=own).status_code == 200
    assert caller.post("/predict", json=CLICK, headers=own | {"Origin": "https://example.org"}).status_code == 403


def test_a_name_without_a_dot_needs_a_password() -> None:
    assert client().get("/health", headers={"Host": "web:9090"}).status_code == 403
    assert client(password="pass").get("/health", headers={"Host": "web:9090"}).status_code == 200


@pytest.mark.parametrize("host", ["", "[", "a:b", "http://", "evil.example", "1.2.3.4.example"])
def test_strange_host_names_are_not_allowed(host: str) -> None:
    assert not AllowedHosts.of(("", " ")).admits(host)
