"""What a log never holds, in messages and in tracebacks."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from backend.application.ports.measuring.log_fields import log_everywhere, logged_with
from backend.bootstrap.log_redaction import redacted
from backend.bootstrap.monitoring.log_setup import TALKATIVE, set_up_logging
from backend.domain.tasks import TaskKey
from backend.settings import LogFormat, Settings

CANARY = "c4nary0123456789"
ODD_TOKEN = 't0ken "with" \\ signs'


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


@pytest.fixture
def json_lines(monkeypatch: pytest.MonkeyPatch, restored_logging: None) -> io.StringIO:
    """What a process logs with MASKLET_LOG_FORMAT=json."""
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    set_up_logging(Settings(log_format=LogFormat.JSON, label_studio_token=ODD_TOKEN))
    return stderr


def test_a_json_line_has_what_it_is_about(json_lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.application.ports.measuring.log_fields._of_process", {})
    log_everywhere(worker="propagate-host-1")
    with logged_with(job="p-1", task=TaskKey(3, 7), attempt=2):
        logging.getLogger("backend.x").warning("frame %d\nis late", 5)
        other = threading.Thread(target=logging.getLogger("backend.y").info, args=("of another job",))
        other.start()
        other.join()
    first, second = (json.loads(line) for line in json_lines.getvalue().splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "WARNING", "logger": "backend.x", "message": "frame 5\nis late",
        "worker": "propagate-host-1", "job": "p-1", "task": "3/7", "attempt": 2,
    }  # fmt: skip
    assert (second["worker"], "job" in second) == ("propagate-host-1", False)


def test_json_lines_hide_secrets_too(json_lines: io.StringIO) -> None:
    try:
        raise RuntimeError(ODD_TOKEN)
    except RuntimeError:
        with logged_with(job=f"https://bucket.example/a.mp4?sig={CANARY}"):
            logging.getLogger("backend.x").exception("Authorization: Token %s", CANARY)
    (line,) = json_lines.getvalue().splitlines()
    assert "Traceback" in json.loads(line)["error"]
    assert [secret for secret in (CANARY, "t0ken", "signs") if secret in line] == []
