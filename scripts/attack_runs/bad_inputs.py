"""Bad inputs: bodies, fields, masks, label configs, addresses, media. Each gets a status and a sentence, none a 500.

Prints a table of status and sentence, how many replies blame Masklet (`server_errors`), and how far the memory of the
web process grew (`rss_growth_mib`).
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from scripts.attack_runs.web_target import JSON, MIB, Json, Reply, Target, Watch, attacked
from tests.fakes.clips import ClipSpec, cut, with_damage, write_clip
from tests.fakes.web import VIDEO, keypoint, pages_task, predict_body, video_box
from tests.integration.http.test_bad_input import BAD_BODIES, BAD_CALLS

POSTS = ("/predict", "/setup", "/webhook", "/train", "/versions", "/jobs")
ANSWERED, REFUSED = (200, 201, 202), (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 431, 503)
DAMAGED = 12
"""Videos, and images, with changed bytes."""

ADDRESSES = (
    "/jobs?project=1" + "0" * 28,
    "/batches?project=1" + "0" * 28,
    "/batches?project=-1" + "0" * 28,
    "/jobs?task=1/" + "9" * 30,
    "/jobs?limit=" + "9" * 400,
    "/jobs?limit=NaN",
    "/jobs?state=%00",
    "/jobs?kind=%FF",
    "/jobs?task=%ED%A0%80",
    "/jobs/%00",
    "/jobs/%FF",
    "/jobs/..%2f..%2fetc%2fpasswd",
    "/masks/../../etc/passwd",
    "/media/../jobs",
    "/media/x/0-00/000001.jpg",
    "/media/%00",
    "/" + "x" * 20_000,
    "/jobs?" + "&".join(f"a{n}=1" for n in range(1000)),
)


@dataclass(frozen=True)
class Case:
    """One bad input. send: sends it. accepted: whether it may also be answered, with the right mapping."""

    name: str
    send: Callable[[Target], Reply]
    accepted: bool = False


def run(quick: bool) -> dict[str, object]:
    """Every input once. quick: fewer damaged files."""
    with attacked() as target, _hostile_server() as hostile:
        _write_media(target.files, 3 if quick else DAMAGED)
        cases = [
            *_bodies(),
            *_calls(),
            *_addresses(),
            *_large(),
            *_media(target, hostile),
        ]
        rows: list[Json] = []
        with Watch(target, period_s=0.2) as watch:
            for case in cases:
                reply = case.send(target)
                allowed = (*REFUSED, *ANSWERED) if case.accepted else REFUSED
                rows.append(
                    {
                        "input": case.name,
                        "status": reply.status,
                        "sentence": reply.sentence,
                        "expected": reply.status in allowed,
                    }
                )
        good = target.post("/predict", _click("good.jpg", task=900))
    errors = [row["input"] for row in rows if row["status"] in (0, 500, 501, 502, 504)]
    return {
        "inputs": len(rows),
        "server_errors": len(errors),
        "server_errors_of": errors,
        "unexpected": [row["input"] for row in rows if not row["expected"]],
        "good_click_afterwards": good.status,
        **watch.figures(),
        "table": rows,
    }


def _bodies() -> Iterator[Case]:
    for name, (body, _) in BAD_BODIES.items():
        for path in POSTS:
            yield Case(f"{path}: {name}", lambda target, p=path, b=body: target.send("POST", p, b))  # type: ignore[misc]


def _calls() -> Iterator[Case]:
    for name, (document, _, _) in BAD_CALLS.items():
        yield Case(name, lambda target, d=document: target.post("/predict", d))  # type: ignore[misc]


def _addresses() -> Iterator[Case]:
    for path in ADDRESSES:
        yield Case(path[:60], lambda target, p=path: target.send("GET", p), accepted=path.startswith("/jobs?a0"))  # type: ignore[misc]
    for method, path in (("GET", "/predict"), ("DELETE", "/jobs"), ("PUT", "/predict"), ("POST", "/jobs/p-1/cancel")):
        yield Case(f"{method} {path}", lambda target, m=method, p=path: target.send(m, p, b"{}"))  # type: ignore[misc]


def _large() -> Iterator[Case]:
    def sent(body: bytes, headers: Json = JSON) -> Callable[[Target], Reply]:
        return lambda target: target.send("POST", "/predict", body, headers)

    yield Case("57 MiB of empty lists", sent(b"[" + b"[]," * (19 * MIB) + b"[]]"))
    yield Case("40 MiB of texts", sent(b'{"tasks": [' + b'"ab",' * (8 * MIB) + b'"ab"]}'))
    yield Case("40 MiB of keys", sent(b'{"tasks": {' + b",".join(b'"%07d":1' % n for n in range(4 * MIB)) + b"}}"))
    yield Case("depth 1,000,000", sent(b'{"tasks":' + b"[" * 10**6))
    yield Case("gzip", sent(gzip.compress(bytes(2**24)), {**JSON, "Content-Encoding": "gzip"}))
    yield Case("Content-Length that lies", _lying_length)
    yield Case("65 MiB", sent(b" " * (65 * MIB)))
    rle = encode_rle(np.ones((1, 2**26), np.bool_))
    for count, side, name in ((12, 2**13, "2^26"), (1, 65_535, "2^32")):
        regions = [_brush(rle, page, side) for page in range(count)]
        body = json.dumps(predict_body(pages_task(pages=count), regions=list(regions))).encode()
        yield Case(f"{count} masks that claim {name} pixels", sent(body))


def _lying_length(target: Target) -> Reply:
    with socket.create_connection(("127.0.0.1", target.port), timeout=60.0) as client:
        head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        client.sendall(head + b"Content-Length: 99999999999\r\n\r\n{}")
        return Reply(int(client.recv(100).split(b" ")[1]), "", 0.0)


def _brush(rle: list[int], page: int, side: int) -> Json:
    return {
        **keypoint(page=page, region_id=f"b{page}"),
        **{"type": "brushlabels", "from_name": "brush", "original_width": side, "original_height": side},
        "value": {"format": "rle", "rle": rle, "brushlabels": ["Cat"]},
    }


# media


def _media(target: Target, hostile: str) -> Iterator[Case]:
    videos = sorted(path.name for path in target.files.iterdir() if path.suffix in (".mp4", ".mkv"))
    images = sorted(path.name for path in target.files.iterdir() if path.suffix in (".jpg", ".png"))
    for number, name in enumerate((*videos, *images), 100):
        yield Case(
            f"file {name}",
            lambda target, n=name, t=number: target.post("/predict", _click(n, task=t)),  # type: ignore[misc]
            accepted=name.startswith(("damaged", "fine", "good")),
        )
    addresses = (
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/x.mp4",
        "http://2852039166/x.mp4",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "concat:a|b",
        "http://user:pass@127.0.0.1/x.mp4",
        "http://127.0.0.1:1/x.mp4",
        f"{target.files_url}/none.mp4",
        "/data/upload/99/secret.mp4",
        "x" * 20_000,
        f"{hostile}/redirect",
        f"{target.files_url}/../../../etc/passwd",
    )
    for number, address in enumerate(addresses, 300):
        yield Case(
            f"address {address[:60]}",
            lambda target, a=address, t=number: target.post("/predict", _video(a, task=t)),  # type: ignore[misc]
        )


def _click(name: str, *, task: int) -> Json:
    if name.endswith((".mp4", ".mkv")):
        return _video(f"/{name}", task=task)
    body = predict_body(pages_task(task, pages=1), regions=[keypoint(page=0)])
    body["tasks"] = [{"id": task, "project": 1, "data": {"frames": [f"/{name}"]}}]
    return body


def _video(address: str, *, task: int) -> Json:
    body = predict_body(label_config=VIDEO, project="2.17", regions=[video_box()])
    body["tasks"] = [{"id": task, "project": 2, "data": {"video": address}}]
    return body


def _write_media(folder: Path, damaged: int) -> None:
    clip = write_clip(folder / "fine variable rate.mp4", ClipSpec(frame_count=12, times=[n * n for n in range(12)]))
    content = write_clip(folder / "good.mp4", ClipSpec(frame_count=12)).read_bytes()
    cut(clip, folder / "fine cut short.mp4", keep=0.8)
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    for kind in ("jpg", "png"):
        cv2.imwrite(str(folder / f"good.{kind}"), noise)
        picture = (folder / f"good.{kind}").read_bytes()
        for seed in range(damaged):
            (folder / f"damaged {seed}.{kind}").write_bytes(with_damage(picture, seed))
    for seed in range(damaged):
        (folder / f"damaged {seed}.mp4").write_bytes(with_damage(content, seed))
    for name, wrong in {
        "empty.mp4": b"",
        "login page.mp4": b"<!DOCTYPE html><html>log in</html>",
        "playlist.mp4": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
        "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "no index.mp4": content[:40] + b"\0\0\0\x08free",
        "text.mp4": b"hello" * 100,
        "zip.mp4": b"PK\x03\x04" + bytes(100),
        "huge.png": (folder / "good.png").read_bytes().replace(b"\0\0\0\x40\0\0\0\x30", b"\0\0\xff\xff\0\0\xff\xff"),
        "text.jpg": b"hello",
        "empty.jpg": b"",
    }.items():
        (folder / name).write_bytes(wrong)


@contextmanager
def _hostile_server() -> Iterator[str]:
    """A server of another origin; Masklet is not allowed to fetch from it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        with suppress(OSError):
            server.shutdown()
            server.server_close()
