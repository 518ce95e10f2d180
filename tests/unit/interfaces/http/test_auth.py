"""The login of the HTTP service, and the addresses that need a password."""

from __future__ import annotations

import base64

import pytest

from backend.domain.errors import InvalidInput
from backend.interfaces.http.auth import Credentials, require_safe_binding

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


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_password(host: str) -> None:
    require_safe_binding(host, has_password=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.7", "example.org", "127.0.0.1.example.org"])
def test_any_other_address_needs_a_password(host: str) -> None:
    require_safe_binding(host, has_password=True)
    with pytest.raises(InvalidInput, match="MASKLET_BASIC_AUTH_PASS"):
        require_safe_binding(host, has_password=False)
