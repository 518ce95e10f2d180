"""Authentication: every route with and without a login, and the webhook's secret."""

from __future__ import annotations

import pytest

from tests.fakes.web import FakeWeb

ROUTES = [
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/versions"),
    ("POST", "/versions"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("POST", "/train"),
    ("POST", "/job_status"),
    ("POST", "/webhook"),
    ("GET", "/jobs"),
    ("POST", "/jobs"),
    ("GET", "/jobs/p-1"),
    ("POST", "/jobs/p-1/cancel"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
]
OTHERS = ("/api/player/", "/api/lead/")
"""The player's and the lead's calls have another sign-in, and tests of their own."""
"""Its routes have a sign-in of their own, which tests/unit/interfaces/http/player/test_sessions.py checks."""

LOGIN = ("annie", "pässword")


def protected_web() -> FakeWeb:
    return FakeWeb().with_settings(user=LOGIN[0], password=LOGIN[1])


def test_all_routes_are_listed_here() -> None:
    described = FakeWeb().client().get("/openapi.json").json()["paths"]
    everything = {(method.upper(), path) for path, methods in described.items() for method in methods}
    served = {(method, path) for method, path in everything if not path.startswith(OTHERS)}
    assert served < everything
    assert served == {(m, p.replace("p-1", "{job_id}")) for m, p in ROUTES} - {
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"),
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("login", [None, ("annie", "wrong"), ("someone", "pässword"), ("", "")])
def test_a_request_without_the_login_is_refused(method: str, path: str, login: tuple[str, str] | None) -> None:
    encoded = None if login is None else tuple(part.encode() for part in login)
    reply = protected_web().client().request(method, path, auth=encoded)
    assert (reply.status_code, reply.json()["detail"]) == (401, "a user name and password are needed")
    assert reply.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_login_is_accepted_on_every_route(method: str, path: str) -> None:
    reply = protected_web().client().request(method, path, auth=(LOGIN[0].encode(), LOGIN[1].encode()))
    assert reply.status_code not in (401, 403)


HEADER = "X-Masklet-Secret"


@pytest.mark.parametrize(
    ("headers", "login", "status"),
    [
        ({HEADER: "s3cret"}, None, 200),
        ({HEADER: "s3cret"}, ("annie", "wrong"), 200),
        ({HEADER: "wrong"}, ("annie", "open"), 403),
        ({HEADER: ""}, ("annie", "open"), 403),
        ({}, ("annie", "open"), 403),
        ({}, None, 403),
    ],
)
def test_a_webhook_needs_the_secret_if_one_is_set(
    headers: dict[str, str], login: tuple[str, str] | None, status: int
) -> None:
    client = FakeWeb().with_settings(user="annie", password="open", webhook_secret="s3cret").client()
    reply = client.post("/webhook", json={"action": "PROJECT_UPDATED"}, headers=headers, auth=login)
    assert reply.status_code == status
    assert "s3cret" not in reply.text


def test_the_webhooks_secret_is_no_login() -> None:
    client = FakeWeb().with_settings(user="annie", password="open", webhook_secret="s3cret").client()
    assert client.get("/jobs", headers={HEADER: "s3cret"}).status_code == 401


def test_a_missing_login_is_refused_before_the_body_is_read() -> None:
    client = protected_web().with_settings(max_body_bytes=10).client()
    assert client.post("/predict", content=b"x" * 1000).status_code == 401
