"""The player's page and files, and the policy that browsers get with them."""

from __future__ import annotations

import pytest

from backend.bootstrap.web import WebSettings
from backend.interfaces.http.player.page import policy
from tests.fakes.web import FakeWeb
from tests.unit.interfaces.http.player.builders import TASK, LabelStudioUsers, PlayerWeb


def test_the_page_comes_with_a_strict_policy() -> None:
    reply = PlayerWeb(LabelStudioUsers()).client().get("/player?project=2&task=8")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    rules = reply.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in rules
    assert "frame-ancestors 'self' http://localhost:8080 http://127.0.0.1:8080" in rules


@pytest.mark.parametrize(
    ("url", "framing"),
    [
        ("", "'self'"),
        ("https://studio.example.org/path", "'self' https://studio.example.org"),
        ("http://[::1]:8080", "'self' http://[::1]:8080"),
        ("javascript:alert(1)", "'self'"),
    ],
)
def test_label_studio_alone_may_frame_the_page(url: str, framing: str) -> None:
    assert policy(url).endswith(f"frame-ancestors {framing}")


def test_a_file_is_asked_for_again_and_not_sent_twice() -> None:
    client = PlayerWeb().client()
    reply = client.get("/player/static/index.html")
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-cache")
    assert "content-security-policy" in reply.headers
    again = client.get("/player/static/index.html", headers={"If-None-Match": reply.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["nothing.js", "../routes.py", "%2e%2e/routes.py"])
def test_no_other_files_are_served(path: str) -> None:
    assert PlayerWeb().client().get(f"/player/static/{path}").status_code == 404


def test_the_password_guards_the_player_where_no_one_signs_in() -> None:
    web = FakeWeb(settings=WebSettings(user="u", password="p"))
    for path in ("/player", "/player/static/index.html", TASK):
        assert web.client().get(path).status_code == 401


def test_a_sign_in_to_label_studio_replaces_the_password() -> None:
    player = PlayerWeb(LabelStudioUsers())
    player.web.with_settings(user="u", password="p")
    client = player.web.client()
    assert client.get("/player").status_code == 200
    assert client.get(TASK).headers["content-type"] == "application/problem+json"
    assert client.get("/jobs").status_code == 401
    assert client.get("/playerx").status_code == 401
