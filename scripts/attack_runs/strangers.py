"""Strangers: web pages of other origins, unfinished requests, idle connections, JSON that grows, others' files.

Prints what was refused and how long /health took meanwhile.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from scripts.attack_runs.web_target import JSON, MIB, Json, Reply, Target, Watch, attacked

FRAMES = """<View><Image name="img" valueList="$frames"/>
  <KeyPointLabels name="kp" toName="img" smart="true"><Label value="Cat"/></KeyPointLabels>
  <BrushLabels name="brush" toName="img"><Label value="Cat"/></BrushLabels></View>"""

POSTS = ("/predict", "/setup", "/webhook", "/train", "/versions", "/jobs", "/jobs/p-1/cancel")
GETS = ("/", "/health", "/jobs", "/jobs/p-1", "/batches", "/metrics", "/versions", "/openapi.json")
CONNECTIONS = 1100
HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n"
)

FOREIGN: dict[str, Json] = {
    "page of another origin": {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
    "page of another port": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "page without an origin": {"Origin": "null"},
    "old browser": {"Origin": "https://evil.example"},
    "rebound name": {"Host": "evil.example:9090"},
}


def run(quick: bool) -> dict[str, object]:
    """Every attack in turn. quick: a third of the connections and of the time."""
    with attacked() as target:
        scale = 3 if quick else 1
        cases: dict[str, Json] = {
            "origins": _origins(target),
            "unfinished heads": _watched(target, lambda: _unfinished(target, b"GET / HTTP/1.1\r\nX: ", 300 // scale)),
            "unfinished bodies": _watched(target, lambda: _unfinished(target, HEAD + b"[" * 1000, 300 // scale)),
            "idle connections": _watched(target, lambda: _unfinished(target, b"", CONNECTIONS // scale)),
            "large unfinished bodies": _watched(target, lambda: _large_bodies(target, 10)),
            "empty lists": _watched(target, lambda: _told(_empty_lists(target))),
            "deep lists": _watched(target, lambda: _told(target.send("POST", "/predict", b"[" * 10**6))),
            "many texts": _watched(target, lambda: _told(target.send("POST", "/predict", _texts(40 * MIB), JSON))),
            "long masks": _watched(target, lambda: _told(target.send("POST", "/predict", _numbers(50 * MIB), JSON))),
            "masks that claim 2^26 pixels": _watched(target, lambda: _told(_claims(target))),
            "files of others": _others_files(target),
        }
    return {
        "not_refused": cases["origins"]["not_refused"],
        "fetched_for_others": cases["files of others"]["fetched"],
        "health_p99_s": max(case.get("health_p99_s") or 0.0 for case in cases.values()),
        "health_failures": sum(case.get("health_failures", 0) for case in cases.values()),
        "cases": cases,
    }


def _origins(target: Target) -> Json:
    """Every route, asked by pages of other origins; and posts that do not say that they are JSON."""
    wrong: list[str] = []
    asked = 0
    for name, headers in FOREIGN.items():
        for method, paths in (("POST", POSTS), ("GET", GETS)):
            for path in paths:
                reply = target.send(method, path, b"{}" if method == "POST" else None, {**JSON, **headers})
                asked += 1
                if reply.status != 403:
                    wrong.append(f"{name}: {method} {path}: {reply.status}")
    for path in POSTS:
        for kind in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}):
            reply = target.send("POST", path, b"{}", kind)
            asked += 1
            if reply.status != 415:
                wrong.append(f"{kind}: POST {path}: {reply.status}")
    own = target.send("POST", "/webhook", b'{"action": "PROJECT_UPDATED"}')
    return {"asked": asked, "not_refused": wrong, "label_studio_is_answered": own.status == 200}


def _watched(target: Target, attack: Callable[[], Json]) -> Json:
    with Watch(target) as watch:
        time.sleep(0.5)
        told = attack()
        time.sleep(0.5)
    return told | watch.figures()


def _unfinished(target: Target, start: bytes, count: int) -> Json:
    """Connections that send a start and no more; how many the server has closed after 12 s or 20 s."""
    with ExitStack() as stack:
        clients: list[socket.socket] = []
        for _ in range(count):
            with suppress(OSError):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", target.port), timeout=5.0))
                client.sendall(start)
                client.setblocking(False)
                clients.append(client)
        time.sleep(20.0 if start.startswith(b"POST") else 12.0)
        closed = sum(_is_closed(client) for client in clients)
    return {"opened": len(clients), "closed": closed}


def _is_closed(client: socket.socket) -> bool:
    try:
        while client.recv(2**16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _large_bodies(target: Target, count: int) -> Json:
    """Bodies of 57 of 60 MB, sent as far as they are taken and not ended."""
    replies: list[bytes] = []

    def send() -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", target.port), timeout=30.0) as client:
            with suppress(OSError):
                client.sendall(HEAD + b'["' + b"x" * (54 * MIB))
            replies.append(client.recv(100))

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(reply.split(b" ")[1].decode() if b" " in reply else "closed" for reply in replies)
    return {"sent": count, "statuses": {status: statuses.count(status) for status in statuses}}


def _empty_lists(target: Target) -> Reply:
    return target.send("POST", "/predict", b"[" + b"[]," * (19 * MIB) + b"[]]")


def _texts(size: int) -> bytes:
    return b'{"tasks": [' + b'"ab",' * (size // 5) + b'"ab"]}'


def _numbers(size: int) -> bytes:
    return b'{"tasks": [' + b"255,128," * (size // 8) + b"0]}"


def _claims(target: Target) -> Reply:
    import numpy as np

    rle = encode_rle(np.ones((1, 2**26), np.bool_))
    regions = [
        {
            **{"id": f"b{page}", "type": "brushlabels", "from_name": "brush", "to_name": "img", "item_index": page},
            **{"original_width": 2**13, "original_height": 2**13, "image_rotation": 0},
            "value": {"format": "rle", "rle": rle, "brushlabels": ["Cat"]},
        }
        for page in range(12)
    ]
    return target.post("/predict", _click(["/page.jpg"] * 12, regions))


def _click(pages: list[str], regions: list[Json], *, project: int = 1, task: int = 7) -> Json:
    return {
        "tasks": [{"id": task, "project": project, "data": {"frames": pages}}],
        "project": f"{project}.1700000000",
        "label_config": FRAMES,
        "params": {"login": None, "password": None, "context": {"result": regions}},
    }


def _others_files(target: Target) -> Json:
    """Clicks of a task of project 1 on files that are not its own."""
    own, others = "/data/upload/1/own.jpg", "/data/upload/99/secret.jpg"
    target.tasks[7] = (1, {"frames": [own]})
    target.tasks[8] = (1, {"frames": [others]})
    told: dict[str, object] = {}
    for name, task, page in (("not in the task", 7, others), ("in a task of project 1", 8, others)):
        reply = target.post("/predict", _click([page], [_point()], task=task))
        told[name] = _told(reply)
    told["fetched"] = sum("secret" in path for path in target.fetched)
    return told


def _point() -> Json:
    return {
        **{"id": "k1", "type": "keypointlabels", "from_name": "kp", "to_name": "img", "item_index": 0},
        **{"is_positive": True, "original_width": 64, "original_height": 48, "image_rotation": 0},
        "value": {"x": 50, "y": 50, "width": 1, "keypointlabels": ["Cat"]},
    }


def _told(reply: Reply) -> Json:
    return {"status": reply.status, "sentence": reply.sentence, "seconds": round(reply.seconds, 2)}
