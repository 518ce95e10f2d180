"""The login of the HTTP service, and the addresses that need a password."""

from __future__ import annotations

import base64

import pytest

from backend.interfaces.http.auth import Credentials

LOCKED = Credentials(user="annie", password="pässword:with colon")


def header(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_without_a_password_every_request_is_admitted() -> None:
    assert Credentials().admits_login("")


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_right_login_is_admitted_for_any_case_of_the_scheme(scheme: str) -> None:
    assert LOCKED.admits_login(header("annie", "pässword:with colon", scheme))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"annie").decode(),
        header("annie", "wrong"),
        header("someone", "pässword:with colon"),
        header("", ""),
        header("annie", "pässword:with colon", "Bearer"),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    ],
)
def test_a_wrong_login_is_not_admitted(authorization: str) -> None:
    assert not LOCKED.admits_login(authorization)


def test_a_repr_contains_no_secret() -> None:
    shown = repr(Credentials("annie", "p4ss", "s3cret"))
    assert "p4ss" not in shown
    assert "s3cret" not in shown
