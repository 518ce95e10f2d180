"""What a log never holds, in messages and in tracebacks."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from backend.bootstrap.container import TALKATIVE, set_up_logging
from backend.bootstrap.log_redaction import redacted
from backend.settings import Settings

CANARY = "c4nary0123456789"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    logging.basicConfig(level=level, handlers=handlers, force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://bucket.s3.example/a.mp4?X-Amz-Signature={CANARY}&X-Amz-Expires=60 HTTP/1.1",
        f"HTTP Request: GET http://10.0.0.5:8080/a.mp4?sig={CANARY} 200",
        f"postgresql+psycopg://masklet:{CANARY}@db/masklet",
        f"redis://:{CANARY}@valkey:6379",
        f'127.0.0.1 - "GET /x?token={CANARY} HTTP/1.1" 200',
        f'127.0.0.1 - "GET /x?a=1&access_key={CANARY}&b=2 HTTP/1.1" 200',
        f"Authorization: Token {CANARY}",
        f"{{'Authorization': 'Bearer {CANARY}'}}",
        f"Basic {CANARY}==",
        f"eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoxfQ.{CANARY}",
        f"/tasks/7/resolve/?fileuri={CANARY}",
    ],
)
def test_what_grants_access_is_hidden(text: str) -> None:
    assert CANARY not in redacted(text)


def test_a_signed_media_address_is_hidden() -> None:
    line = '"GET /media/0123456789abcdef/0-0123456789abcdef0123456789abcdef/000012.jpg HTTP/1.1" 200'
    assert redacted(line) == '"GET /media/0123456789abcdef/[hidden]/000012.jpg HTTP/1.1" 200'


@pytest.mark.parametrize(
    "text",
    [
        'GET /jobs?project=1&limit=5: 400 MalformedRequest: "x"',
        "task 1/7: superseded by a newer prompt",
        "Label Studio at http://localhost:8080 does not answer (to read task 7): ConnectError",
        "the Token is refused; make a new one",
        "/data/local-files/?d=videos/a.mp4",
    ],
)
def test_everything_else_is_told_as_it_is(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.usefixtures("restored_logging")
def test_secrets_of_the_settings_are_hidden_in_tracebacks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    set_up_logging(
        Settings(
            label_studio_token="t0ken-of-label-studio",
            basic_auth_pass="p4ssw0rd",
            webhook_secret="s3cr3t-of-webhooks",
            database_url="postgresql://masklet:d4tabase@db/masklet",
        )
    )
    try:
        raise RuntimeError("t0ken-of-label-studio and d4tabase")
    except RuntimeError:
        logging.getLogger("backend.x").exception("p4ssw0rd %s", "s3cr3t-of-webhooks")
    written = stderr.getvalue()
    assert "Traceback" in written
    assert [name for name in ("t0ken", "d4tabase", "p4ssw0rd", "s3cr3t") if name in written] == []


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_the_http_client_does_not_log_addresses(level: str) -> None:
    set_up_logging(Settings(log_level=level))
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.DEBUG)
