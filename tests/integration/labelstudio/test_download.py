"""Media over real sockets: redirects, broken connections, and the token's recipients."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep, time

import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.domain.errors import MediaError, MediaUnreachable, NotAllowed

BODY = bytes(range(256)) * 40
LEGACY = "0123456789abcdef0123456789abcdef01234567"


def jwt(kind: str, *, expires_s: float) -> str:
    """An unsigned token in the form of Label Studio's."""

    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return ".".join((part({"alg": "HS256", "typ": "JWT"}), part({"token_type": kind, "exp": int(expires_s)}), "c2ln"))


@dataclass
class Server:
    """A web server on a port of its own. answer gets each request's handler; seen is (method, path, authorization)."""

    port: int = 0
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: reply(handler, 200, BODY)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    given = {"content-type": "video/mp4", "content-length": str(len(body))}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    for name, value in given.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def serve() -> Iterator[Callable[[], Server]]:
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start() -> Server:
        server = Server()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.command, self.path, self.headers.get("authorization", "")))
                server.answer(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Write no log."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((http, thread))
        return server

    yield start
    for http, thread in running:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def studio(serve: Callable[[], Server]) -> Server:
    return serve()


def fetch(server: Server, address: str = "/data/upload/1/v.mp4", *, hosts: tuple[str, ...] = ()) -> bytes:
    client = LabelStudioClient(server.url, LEGACY, media_hosts=hosts, max_media_bytes=20_000)
    sink = io.BytesIO()
    try:
        client.download(address, sink)
    finally:
        client.close()
    return sink.getvalue()


def test_media_is_whole_and_has_its_validator(studio: Server) -> None:
    studio.answer = lambda handler: reply(handler, 200, BODY, etag='"v1"')
    client = LabelStudioClient(studio.url, LEGACY)
    sink = io.BytesIO()
    fetched = client.download("/data/local-files/?d=a/v.mp4", sink)
    client.close()
    assert sink.getvalue() == BODY
    assert (fetched.validator, fetched.length, fetched.content_type, fetched.unchanged) == (
        '"v1"',
        len(BODY),
        "video/mp4",
        False,
    )
    assert studio.seen == [("GET", "/data/local-files/?d=a/v.mp4", f"Token {LEGACY}")]


@pytest.mark.parametrize(
    ("validator", "header"),
    [('"v1"', "if-none-match"), ("Sat, 21 Nov 2026 04:00:00 GMT", "if-modified-since")],
)
def test_unchanged_media_is_not_sent_again(studio: Server, validator: str, header: str) -> None:
    def unchanged(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 304 if handler.headers.get(header) == validator else 500)

    studio.answer = unchanged
    client = LabelStudioClient(studio.url, LEGACY)
    sink = io.BytesIO()
    fetched = client.download("/data/upload/1/v.mp4", sink, validator=validator)
    client.close()
    assert (fetched.unchanged, fetched.validator, sink.getvalue()) == (True, validator, b"")


def test_a_redirect_to_a_named_origin_gets_no_token(serve: Callable[[], Server]) -> None:
    studio, storage = serve(), serve()
    studio.answer = lambda handler: reply(handler, 303, location=f"{storage.url}/bucket/v.mp4?sig=1")
    assert fetch(studio, hosts=(storage.url,)) == BODY
    assert storage.seen == [("GET", "/bucket/v.mp4?sig=1", "")]


def test_a_redirect_from_elsewhere_to_label_studio_gets_no_token(serve: Callable[[], Server]) -> None:
    studio, elsewhere = serve(), serve()
    elsewhere.answer = lambda handler: reply(handler, 302, location=f"{studio.url}/data/upload/99/v.mp4")
    client = LabelStudioClient(studio.url, LEGACY, media_hosts=[elsewhere.url])
    client.download(f"{elsewhere.url}/v.mp4", io.BytesIO())
    client.close()
    assert studio.seen == [("GET", "/data/upload/99/v.mp4", "")]


def test_a_redirect_elsewhere_is_refused_before_anything_is_sent(serve: Callable[[], Server]) -> None:
    studio, elsewhere = serve(), serve()
    studio.answer = lambda handler: reply(handler, 302, location=f"{elsewhere.url}/v.mp4")
    with pytest.raises(NotAllowed, match="MASKLET_MEDIA_HOSTS"):
        fetch(studio)
    assert elsewhere.seen == []


def test_an_internal_redirect_keeps_the_token_on_media_paths(studio: Server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/data/"):
            reply(handler, 302, location="/elsewhere/v.mp4")
        else:
            reply(handler, 200, BODY)

    studio.answer = answer
    assert fetch(studio) == BODY
    assert [(path, bool(token)) for _, path, token in studio.seen] == [
        ("/data/upload/1/v.mp4", True),
        ("/elsewhere/v.mp4", False),
    ]


def test_redirects_in_a_circle_end(studio: Server) -> None:
    studio.answer = lambda handler: reply(handler, 302, location=handler.path)
    with pytest.raises(MediaError, match="redirects more than 5 times"):
        fetch(studio)
    assert len(studio.seen) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://u:p@127.0.0.1/"])
def test_a_redirect_to_no_plain_web_address_is_refused(studio: Server, location: str) -> None:
    studio.answer = lambda handler: reply(handler, 302, location=location)
    with pytest.raises(NotAllowed):
        fetch(studio)


def test_a_web_page_is_no_video(studio: Server) -> None:
    page = b"<html>log in</html>"
    studio.answer = lambda handler: reply(handler, 200, page, content_type="text/html; charset=utf-8")
    with pytest.raises(MediaError, match="gave a web page instead of the media; is it a login page"):
        fetch(studio)


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (403, MediaError, "refused the media \\(403\\)"),
        (404, MediaError, "has no such file"),
        (410, MediaError, "has no such file"),
        (418, MediaError, "answered 418"),
        (429, MediaUnreachable, "answered 429"),
        (500, MediaUnreachable, "answered 500"),
    ],
)
def test_a_response_without_media_tells_if_a_retry_may_help(
    studio: Server, status: int, error: type[Exception], message: str
) -> None:
    studio.answer = lambda handler: reply(handler, status)
    with pytest.raises(error, match=message):
        fetch(studio)


def test_an_empty_file_is_refused(studio: Server) -> None:
    studio.answer = lambda handler: reply(handler, 200)
    with pytest.raises(MediaError, match="an empty file"):
        fetch(studio)


def test_a_broken_connection_may_be_retried(studio: Server) -> None:
    studio.answer = lambda handler: reply(handler, 200, BODY[:100], content_length="10240")
    with pytest.raises(MediaUnreachable, match="broke off after 100 bytes"):
        fetch(studio)


def test_a_missing_server_is_unreachable(serve: Callable[[], Server]) -> None:
    studio = serve()
    with pytest.raises(MediaUnreachable, match=r"127\.0\.0\.1 does not answer"):
        fetch(studio, "http://127.0.0.1:1/v.mp4", hosts=("http://127.0.0.1:1",))


def test_a_file_declared_too_large_is_not_downloaded(studio: Server) -> None:
    studio.answer = lambda handler: reply(handler, 200, b"x", content_length="20001")
    with pytest.raises(MediaError, match="larger than 20000 bytes"):
        fetch(studio)


def test_a_file_that_hides_its_size_is_cut_off(studio: Server) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(bytes(30_000))

    studio.answer = endless
    with pytest.raises(MediaError, match="larger than 20000 bytes"):
        fetch(studio)


# The SDK reads the answer with a method that pydantic has deprecated.
@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")
def test_a_personal_token_is_exchanged_and_renewed_if_refused(studio: Server) -> None:
    refresh = jwt("refresh", expires_s=time() + 86_400)
    access = [jwt("access", expires_s=time() + 300 + number) for number in range(3)]
    given: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/api/token/refresh/":
            handler.rfile.read(int(handler.headers["content-length"]))
            given.append(access[len(given)])
            reply(handler, 200, json.dumps({"access": given[-1]}).encode(), content_type="application/json")
        elif handler.headers["authorization"] == f"Bearer {access[0]}" and len(studio.seen) > 3:
            reply(handler, 401)
        else:
            reply(handler, 200, BODY)

    studio.answer = answer
    client = LabelStudioClient(studio.url, refresh)
    for _ in range(3):
        client.download("/data/upload/1/v.mp4", io.BytesIO())
    client.close()
    assert [path for _, path, _ in studio.seen] == [
        "/api/token/refresh/",
        "/data/upload/1/v.mp4",
        "/data/upload/1/v.mp4",
        "/data/upload/1/v.mp4",
        "/api/token/refresh/",
        "/data/upload/1/v.mp4",
    ]
    assert studio.seen[-1][2] == f"Bearer {access[1]}"


def test_a_server_that_sends_too_slowly_is_given_up(studio: Server) -> None:
    now_s = [0.0]
    written: list[int] = []

    class Sink:
        """Each chunk takes a minute to come."""

        def write(self, chunk: bytes) -> int:
            written.append(len(chunk))
            now_s[0] += 60.0
            return len(chunk)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 200, content_length=str(100 * 2**10))
        with contextlib.suppress(OSError):
            for _ in range(100):
                handler.wfile.write(bytes(2**10))
                handler.wfile.flush()
                sleep(0.01)

    studio.answer = drip
    client = LabelStudioClient(studio.url, LEGACY, monotonic_s=lambda: now_s[0])
    with pytest.raises(MediaUnreachable, match=r"sends \d+\.\d KiB a second, too little to wait for; the least is 8"):
        client.download("/data/upload/1/v.mp4", Sink())
    client.close()
    assert written
