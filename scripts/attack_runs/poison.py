"""Files that kill or surprise the decoder: how often they are tried, and what is said of them.

No file is known that crashes the decoder as it is installed; so a child of this attack aborts on files with a mark in
them. Mutated files go to the real decoder.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.media.cache import MediaCache
from backend.adapters.media.decoder_pool import CHILD, DecoderPool
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import CachedMedia, Sink
from backend.adapters.media.quarantine import Quarantine
from backend.adapters.store.key_value import FileKeyValueStore
from backend.domain.errors import MaskletError
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex
from tests.fakes.clips import write_clip

MARK = b"KILLS-THE-DECODER"
REQUESTS = 10
QUICK_MUTATIONS, MUTATIONS = 30, 500
LONGEST_S = 600.0

ABORTS_AT_MARK = f"""
import os, sys
from pathlib import Path
from backend.interfaces import decoder_process
answer = decoder_process.Decoder.answer
def fatal(self, question):
    if "path" in question and {MARK!r} in Path(question["path"]).read_bytes():
        os.abort()
    return answer(self, question)
decoder_process.Decoder.answer = fatal
decoder_process.main(sys.argv[1])
"""


class _Fetched:
    """A download's result."""

    validator = ""
    unchanged = False

    def __init__(self, length: int) -> None:
        self.length = length


class _Server:
    """Files by address; no network."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        self.bodies = bodies

    def download(self, address: str, sink: Sink, *, validator: str = "") -> _Fetched:
        body = self.bodies[address]
        sink.write(body)
        return _Fetched(len(body))


def run(quick: bool) -> dict[str, object]:
    """Figures: `tries` and `refused` of a file that kills, asked for at REQUESTS addresses; `others_open`: whether a
    good file opens between; `released_tries`: tries after its release; `mutated`, `unexpected`: mutated files, and
    those of them that raised what is no error of Masklet's; `deaths`: decoders that died of them.
    """
    with tempfile.TemporaryDirectory(prefix="masklet-poison-") as folder:
        root = Path(folder)
        good = write_clip(root / "good.mp4").read_bytes()
        return {**_killing(root / "a", good), **_mutated(root / "b", good, QUICK_MUTATIONS if quick else MUTATIONS)}


def _library(root: Path, server: _Server, command: tuple[str, ...]) -> tuple[CachedMedia, Quarantine, DecoderPool]:
    clock = SystemClock()
    quarantine = Quarantine(FileKeyValueStore(root / "notes"), clock.now_s)
    decoders = DecoderPool(quarantine, root / "indices", command=command)
    cache = MediaCache(_made(root / "media"), 2**30)
    return CachedMedia(server, cache, IndexCache(root / "indices"), clock, decoders=decoders), quarantine, decoders


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _killing(root: Path, good: bytes) -> dict[str, object]:
    addresses = [f"https://media/{number}/poison.mp4" for number in range(REQUESTS)]
    server = _Server({**dict.fromkeys(addresses, good + MARK), "good": good})
    library, quarantine, decoders = _library(root, server, (sys.executable, "-c", ABORTS_AT_MARK))
    others: list[bool] = []
    outcomes: Counter[str] = Counter()
    for address in addresses:
        outcomes[_outcome(lambda address=address: _first_frame(library, address))] += 1  # type: ignore[misc]
        others.append(_outcome(lambda: _first_frame(library, "good")) == "")
    suspects = quarantine.suspects()
    quarantine.lift("")
    again = [_outcome(lambda address=address: _first_frame(library, address)) for address in addresses]  # type: ignore[misc]
    decoders.close()
    return {
        "tries": outcomes["MediaUnreachable"] + (1 if outcomes["MediaError"] else 0),
        "refused": outcomes["MediaError"],
        "counted_deaths": [len(one.deaths_s) for one in suspects],
        "others_open": all(others),
        "released_tries": again.count("MediaUnreachable") + 1,
    }


def _mutated(root: Path, good: bytes, count: int) -> dict[str, object]:
    rng = random.Random(14)
    server = _Server({})
    library, quarantine, decoders = _library(root, server, CHILD)
    outcomes: Counter[str] = Counter()
    started_s = time.monotonic()
    for number in range(count):
        if time.monotonic() - started_s > LONGEST_S:
            break
        address = f"https://media/{number}.mp4"
        server.bodies[address] = _damaged(good, rng)
        outcomes[_outcome(lambda address=address: _first_frame(library, address))] += 1  # type: ignore[misc]
    decoders.close()
    known = {"", "MediaError", "MediaUnreachable"}
    return {
        "mutated": outcomes.total(),
        "mutated_that_open": outcomes[""],
        "unexpected": sum(number for name, number in outcomes.items() if name not in known),
        "deaths": sum(len(one.deaths_s) for one in quarantine.suspects()),
    }


def _damaged(body: bytes, rng: random.Random) -> bytes:
    damaged = io.BytesIO(body)
    for _ in range(rng.randint(1, 20)):
        damaged.seek(rng.randrange(len(body)))
        damaged.write(rng.randbytes(rng.randint(1, 8)))
    return damaged.getvalue()[: len(body) if rng.random() < 0.7 else rng.randrange(1, len(body))]


def _first_frame(library: CachedMedia, address: str) -> None:
    with library.open(MediaRef((address,), is_pages=False)) as video:
        video.frame(FrameIndex(0))
        video.frame(FrameIndex(video.info.frame_count - 1))


def _outcome(work: Callable[[], None]) -> str:
    """The name of the error; empty without one. An error that is none of Masklet's begins with an exclamation mark."""
    try:
        work()
    except MaskletError as error:
        return type(error).__name__
    except Exception as error:  # the figure
        return f"!{type(error).__name__}"
    return ""
