"""An S3 server of one bucket over a real socket, as far as Label Studio's client asks: HEAD, LIST and GET.

Signatures are not checked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

TIME = "2026-01-01T00:00:00.000Z"


@dataclass
class S3Server:
    """objects: content by key. seen: (path, query, authorization) of every GET of an object."""

    bucket: str
    objects: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = parse_qs(parts.query, keep_blank_values=True)
        if bucket != self.bucket:
            _send(handler, 404, _error("NoSuchBucket"))
        elif not key:
            _send(handler, 200, self._listed(query.get("prefix", [""])[0]))
        else:
            if handler.command == "GET":
                self.seen.append((parts.path, parts.query, handler.headers.get("authorization", "")))
            self._object(handler, key, query.get("response-content-type", ["binary/octet-stream"])[0])

    def _listed(self, prefix: str) -> bytes:
        keys = [key for key in sorted(self.objects) if key.startswith(prefix)]
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{TIME}</LastModified><ETag>&quot;e&quot;</ETag>"
            f"<Size>{len(self.objects[key])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys
        )
        return (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{self.bucket}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        ).encode()

    def _object(self, handler: BaseHTTPRequestHandler, key: str, content_type: str) -> None:
        body = self.objects.get(key)
        if body is None:
            _send(handler, 404, _error("NoSuchKey"))
            return
        headers = {"content-type": content_type, "etag": '"e"', "accept-ranges": "bytes"}
        given = handler.headers.get("range", "")
        if not given:
            _send(handler, 200, body, headers)
            return
        first, _, last = given.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1 if last else len(body), len(body))
        headers["content-range"] = f"bytes {start}-{stop - 1}/{len(body)}"
        _send(handler, 206, body[start:stop], headers)


@contextmanager
def s3_server(bucket: str, *, port: int = 0) -> Iterator[S3Server]:
    """A running server. port: 0: a free one."""
    server = S3Server(bucket)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Write no log."""

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    handler.send_response(status)
    for name, value in {"content-type": "application/xml", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
