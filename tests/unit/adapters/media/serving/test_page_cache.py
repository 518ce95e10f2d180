"""Pages decoded by a child process, and the folder that caches them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.domain.errors import MediaUnreachable, NotFound

CHILD = """
import json, os, sys, time
for line in sys.stdin:
    name, frame = json.loads(line)
    if name == "die": os._exit(3)
    if name == "hang": time.sleep(60)
    while name.startswith("/") and not os.path.exists(name): time.sleep(0.01)
    kind, body = (b"E", b"NotFound: no such page") if name == "none" else (b"J", f"{name} {frame}".encode())
    sys.stdout.buffer.write(kind + len(body).to_bytes(8, "big") + body); sys.stdout.buffer.flush()
"""


@pytest.fixture
def page_decoder() -> Iterator[PageDecoder]:
    page_decoder = PageDecoder((sys.executable, "-c", CHILD), answer_s=120.0)
    yield page_decoder
    page_decoder.close()


def test_a_child_answers_several_requests(page_decoder: PageDecoder) -> None:
    assert page_decoder.page("m", 3) == b"m 3"
    assert page_decoder.page("m", 4) == b"m 4"


def test_a_prepared_child_answers(page_decoder: PageDecoder) -> None:
    page_decoder.prepare()
    page_decoder.prepare()
    assert [lane.child.is_started for lane in page_decoder._lanes] == [True, False, False]
    assert page_decoder.page("m", 3) == b"m 3"
    assert page_decoder.page("n", 3) == b"n 3"
    assert [lane.child.is_started for lane in page_decoder._lanes] == [True, False, False]


def test_a_slow_video_delays_no_other(page_decoder: PageDecoder, tmp_path: Path) -> None:
    end = tmp_path / "end"
    slow = [threading.Thread(target=page_decoder.page, args=(str(end), frame)) for frame in range(3)]
    for thread in slow:
        thread.start()
    while page_decoder._lanes[0].users < 3:
        time.sleep(0.01)
    assert page_decoder.page("m", 3) == b"m 3"
    assert all(thread.is_alive() for thread in slow)
    end.touch()
    for thread in slow:
        thread.join()
    assert page_decoder.page(str(end), 4) == f"{end} 4".encode()
    assert page_decoder._lanes[0].video == str(end)


def test_an_error_in_the_child_is_raised_and_the_child_stays(page_decoder: PageDecoder) -> None:
    with pytest.raises(NotFound, match="no such page"):
        page_decoder.page("none", 0)
    assert page_decoder.page("m", 1) == b"m 1"


def test_a_child_that_dies_is_replaced(page_decoder: PageDecoder) -> None:
    with pytest.raises(MediaUnreachable, match="the decoder crashed on this file; ask again"):
        page_decoder.page("die", 0)
    assert page_decoder.page("m", 1) == b"m 1"


def test_a_child_that_hangs_is_replaced() -> None:
    page_decoder = PageDecoder((sys.executable, "-c", CHILD), answer_s=0.3)
    with pytest.raises(MediaUnreachable, match=r"did not answer within 0.3 s"):
        page_decoder.page("hang", 0)
    page_decoder.close()


def test_the_least_recently_used_page_is_evicted(tmp_path: Path) -> None:
    cache = PageCache(tmp_path, 25)
    for frame in range(3):
        cache.put("m", frame, b"0123456789")
        os.utime(tmp_path / "m" / f"{frame}.jpg", (frame, frame))
    assert cache.get("m", 0) == b"0123456789"  # used now: no longer the least recently used
    cache.sweep()
    assert [cache.get("m", frame) is not None for frame in range(3)] == [True, False, True]
    cache.put("m", 9, b"x" * 26)
    assert cache.get("m", 9) is None


def test_a_page_is_answered_if_the_cache_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"a file where a folder should be")
    PageCache(tmp_path, 100).put("m", 0, b"page")
    assert PageCache(tmp_path, 100).get("m", 0) is None
