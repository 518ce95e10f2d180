"""Signing in to the player: by Label Studio's cookie, by a token, and what a cookie is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from backend.interfaces.http.player.sessions import COOKIE
from tests.unit.interfaces.http.player.builders import TASK, LabelStudioUsers, PlayerWeb


def test_label_studios_cookie_says_who_the_person_is() -> None:
    web = PlayerWeb(LabelStudioUsers())
    client = web.client()
    client.cookies.set("sessionid", "ann-1")
    reply = client.post("/api/player/session", json={})
    assert reply.json() == {"user": "ann@example.org", "name": "Ann"}
    cookie = reply.headers["set-cookie"]
    assert all(part in cookie for part in (f"{COOKIE}=", "HttpOnly", "SameSite=lax", "Max-Age=28800"))
    assert "ann-1" not in cookie


def test_a_token_says_who_the_person_is() -> None:
    web = PlayerWeb(LabelStudioUsers())
    client = web.client()
    assert client.post("/api/player/session", json={"token": "anns-token"}).json()["user"] == "ann@example.org"
    assert client.get(TASK).status_code == 202


@dataclass
class MemoryLogins:
    stored: dict[str, bytes] = field(default_factory=dict)

    def keep(self, name: str, body: bytes, *, for_s: int) -> None:
        self.stored[name] = body

    def kept(self, name: str) -> bytes | None:
        return self.stored.get(name)


def test_another_process_knows_who_signed_in_by_token() -> None:
    logins = MemoryLogins()
    here, there = (PlayerWeb(LabelStudioUsers(), logins=logins).client() for _ in range(2))
    assert here.post("/api/player/session", json={"token": "anns-token"}).status_code == 200
    (stored,) = logins.stored.values()
    assert b"anns-token" not in stored
    there.cookies = here.cookies
    assert "anns-token" not in str(dict(here.cookies))
    assert there.get(TASK).status_code == 202
    logins.stored.clear()
    assert there.get(TASK).status_code == 202, "it remembers"
    later = PlayerWeb(LabelStudioUsers(), logins=logins).client()
    later.cookies = here.cookies
    assert later.get(TASK).status_code == 401


@pytest.mark.parametrize("body", [{}, {"token": "wrong"}])
def test_an_unknown_login_is_refused(body: dict[str, str]) -> None:
    reply = PlayerWeb(LabelStudioUsers()).client().post("/api/player/session", json=body)
    assert (reply.status_code, reply.headers["content-type"]) == (401, "application/problem+json")
    assert "set-cookie" not in reply.headers


def test_nothing_is_shown_without_signing_in() -> None:
    client = PlayerWeb(LabelStudioUsers()).client()
    client.cookies.set("sessionid", "ann-1")
    assert client.get(TASK).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "eyJ1c2VyIjogImFubiJ9.00", "\u00e9.00"])
def test_a_forged_cookie_is_refused(cookie: str) -> None:
    client = PlayerWeb(LabelStudioUsers()).client()
    reply = client.get(TASK, headers=[(b"cookie", f"{COOKIE}={cookie}; sessionid=ann-1".encode())])
    assert reply.status_code == 401


def test_a_sign_in_expires() -> None:
    web = PlayerWeb(LabelStudioUsers())
    client = web.client("ann-1")
    web.web.clock.sleep(8 * 3600 + 1)
    assert client.get(TASK).status_code == 401


def test_a_cookie_is_void_after_another_login_to_label_studio() -> None:
    client = PlayerWeb(LabelStudioUsers()).client("ann-1")
    client.cookies.set("sessionid", "bob-1")
    assert client.get(TASK).status_code == 401


def test_a_new_value_of_label_studios_cookie_is_checked_once() -> None:
    users = LabelStudioUsers()
    client = PlayerWeb(users).client("ann-1")
    client.cookies.set("sessionid", "ann-2")
    users.asked.clear()
    assert client.get(TASK).status_code == 202
    assert client.get(TASK).status_code == 202
    assert users.asked.count("/api/current-user/whoami") == 1


def test_label_studio_is_asked_once_a_minute_for_a_task() -> None:
    users = LabelStudioUsers()
    web = PlayerWeb(users)
    client = web.client("ann-1")
    client.get(TASK)
    client.get(TASK)
    assert users.asked.count("/api/tasks/8/") == 1
    web.web.clock.sleep(61)
    client.get(TASK)
    assert users.asked.count("/api/tasks/8/") == 2


def test_without_a_label_studio_there_is_one_user_without_a_name() -> None:
    reply = PlayerWeb().client().post("/api/player/session", json={})
    assert reply.json() == {"user": "", "name": ""}


@pytest.mark.parametrize("session_id", ["", "logged-out"])
def test_a_sign_in_by_token_is_renewed_without_it(session_id: str) -> None:
    web = PlayerWeb(LabelStudioUsers())
    client = web.client()
    client.post("/api/player/session", json={"token": "anns-token"})
    if session_id:
        client.cookies.set("sessionid", session_id)
    web.web.clock.sleep(8 * 3600 - 1)
    assert client.post("/api/player/session", json={}).json()["user"] == "ann@example.org"
    web.web.clock.sleep(2)
    assert client.get(TASK).status_code == 202
    web.web.clock.sleep(8 * 3600)
    assert client.post("/api/player/session", json={}).status_code == 401


def test_a_login_to_label_studio_goes_before_an_earlier_token() -> None:
    client = PlayerWeb(LabelStudioUsers()).client()
    client.post("/api/player/session", json={"token": "anns-token"})
    client.cookies.set("sessionid", "bob-1")
    assert client.post("/api/player/session", json={}).json()["user"] == "bob@example.org"
