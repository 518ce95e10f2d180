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
from backend.adapters.labelstudio.storage_addresses import media_address
from backend.domain.errors import MediaError, MediaRefused, MediaUnreachable, NotAllowed

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


def in_parts(server: Server, *, broken: int, most: int, stamps: tuple[str, ...] = ('"v1"',)) -> list[str]:
    """Answers as Label Studio's resolver: breaks off after `broken` bytes, sends ranges of at most `most`.

    stamps: the versions' ETags, request by request; the last one stays. Returns the ranges that are asked for.
    """
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        given = handler.headers.get("range", "")
        asked.append(given)
        etag = stamps[min(len(asked), len(stamps)) - 1]
        if not given:
            reply(handler, 200, BODY[:broken], content_length=str(len(BODY)), accept_ranges="bytes", etag=etag)
            return
        start = int(given.removeprefix("bytes=").removesuffix("-"))
        part = BODY[start : start + most]
        place = f"bytes {start}-{start + len(part) - 1}/{len(BODY)}"
        reply(handler, 206, part, content_range=place, accept_ranges="bytes", etag=etag)

    server.answer = answer
    return asked


def test_a_file_that_comes_in_parts_is_put_together(studio: Server) -> None:
    asked = in_parts(studio, broken=3_000, most=4_000)
    assert fetch(studio) == BODY
    assert asked == ["", "bytes=3000-", "bytes=7000-"]
    assert {token for _, _, token in studio.seen} == {f"Token {LEGACY}"}


def test_parts_of_two_versions_are_not_put_together(studio: Server) -> None:
    in_parts(studio, broken=3_000, most=4_000, stamps=('"v1"', '"v2"'))
    with pytest.raises(MediaUnreachable, match="broke off after 3000 bytes and did not send the rest"):
        fetch(studio)


def test_a_part_without_a_byte_is_not_waited_for(studio: Server) -> None:
    in_parts(studio, broken=3_000, most=0)
    with pytest.raises(MediaUnreachable, match="broke off after 3000 bytes"):
        fetch(studio)


STORED = "s3://films/dir/clip 7.mp4"


def of_storage(storage: Server) -> Callable[[BaseHTTPRequestHandler], None]:
    """Label Studio's answer for a storage with pre-signed URLs; with a cookie, as it gives one at every request."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        location = f"{storage.url}/films/dir/clip%207.mp4?X-Amz-Signature=secret"
        reply(handler, 303, location=location, set_cookie="sessionid=s; Path=/")

    return answer


def test_a_storage_gets_neither_token_nor_cookie(serve: Callable[[], Server]) -> None:
    studio, storage = serve(), serve()
    cookies: list[str | None] = []

    def keep(handler: BaseHTTPRequestHandler) -> None:
        cookies.append(handler.headers.get("cookie"))
        reply(handler, 200, BODY)

    studio.answer, storage.answer = of_storage(storage), keep
    assert fetch(studio, media_address(STORED, 7), hosts=(storage.url,)) == BODY
    assert studio.seen == [("GET", media_address(STORED, 7), f"Token {LEGACY}")]
    assert storage.seen == [("GET", "/films/dir/clip%207.mp4?X-Amz-Signature=secret", "")]
    assert cookies == [None]


def test_a_storages_host_that_is_not_allowed_is_named_with_the_ways_out(serve: Callable[[], Server]) -> None:
    studio, storage = serve(), serve()
    studio.answer = of_storage(storage)
    with pytest.raises(NotAllowed) as refusal:
        fetch(studio, media_address(STORED, 7))
    message = str(refusal.value)
    assert f"Label Studio redirects {STORED} to its storage: media may not come from {storage.url}" in message
    assert "add it to MASKLET_MEDIA_HOSTS" in message
    assert "switch pre-signed URLs off" in message
    assert "secret" not in message
    assert storage.seen == []


@pytest.mark.parametrize(
    ("by_studio", "status", "message"),
    [
        (
            True,
            404,
            "no storage of the task's project for s3://films/dir/clip 7.mp4: s3://films is to be there; connect it",
        ),
        (
            True,
            424,
            "cannot read s3://films/dir/clip 7.mp4 from its storage: the file is not there, or the storage's keys",
        ),
        (True, 403, "refused the media \\(403\\); the token's user needs access to the project"),
        (False, 404, "the storage at 127.0.0.1:[0-9]+ has no s3://films/dir/clip 7.mp4"),
        (False, 403, "the storage at 127.0.0.1:[0-9]+ refused s3://films/dir/clip 7.mp4 \\(403\\): the keys"),
    ],
)
def test_a_refusal_of_a_stored_file_says_who_refused_and_why(
    serve: Callable[[], Server], by_studio: bool, status: int, message: str
) -> None:
    studio, storage = serve(), serve()
    storage.answer = lambda handler: reply(handler, status)
    studio.answer = storage.answer if by_studio else of_storage(storage)
    with pytest.raises(MediaRefused, match=message) as refusal:
        fetch(studio, media_address(STORED, 7), hosts=(storage.url,))
    assert "secret" not in str(refusal.value)


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
