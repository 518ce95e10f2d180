"""The benchmark of inputs: its pictures, the differences that it finds, its verdicts; with a browser that is played."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.domain.geometry import BoolMask, RgbFrame, box_of_mask
from scripts.benchmarks import inputs
from scripts.benchmarks.input_set.browser import Playing
from scripts.benchmarks.input_set.coding import Coding, write_video
from scripts.benchmarks.input_set.model import Input, Row, Verdict
from scripts.benchmarks.input_set.painted import NUMBERS, ORIENTATIONS, marker_left, painted, read
from scripts.benchmarks.input_set.remedies import Remedy, remedies_in

RATE = 30
SHORT = Coding(frames=6)


class PlayedBrowser:
    """Shows the painted pictures of a video of RATE, and of pages. late: how many frames it is late."""

    version = "played"

    def __init__(self, *, late: int = 0, plays: str = ".mp4") -> None:
        self._late, self._plays = late, plays

    def open_video(self, address: str) -> Playing:
        return Playing(duration_s=SHORT.frames / RATE) if address.endswith(self._plays) else Playing(error="unknown")

    def video_at(self, times_s: Sequence[float], *, settled: bool = False) -> list[RgbFrame | None]:
        shown = (min(int(time_s * RATE), SHORT.frames - 1) - self._late for time_s in times_s)
        return [painted(max(number, 0)) for number in shown]

    def picture(self, address: str) -> RgbFrame | None:
        if address.endswith(".tif"):
            return None
        return painted(int(address.rpartition("/")[2].partition(".")[0]))


@pytest.mark.parametrize("size", [(128, 96), (125, 93), (134, 98)])
def test_a_picture_is_read_in_each_orientation(size: tuple[int, int]) -> None:
    for number in range(0, NUMBERS, 5):
        upright = painted(number, width=size[0], height=size[1])
        marker = _marker(upright)
        box = box_of_mask(marker)
        assert box is not None
        assert box.x0_rel == pytest.approx(marker_left(number), abs=0.01)
        for turns, mirrored in ORIENTATIONS:
            turned, turned_marker = (np.rot90(each, -turns) for each in (upright, marker))
            shown: RgbFrame = np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)
            reading = read(shown)
            assert reading is not None
            assert (reading.number, reading.turns, reading.mirrored) == (number, turns, mirrored)
            assert np.array_equal(reading.marker, turned_marker[:, ::-1] if mirrored else turned_marker)


def _marker(upright: RgbFrame) -> BoolMask:
    reading = read(upright)
    assert reading is not None
    return reading.marker


def test_what_is_no_painted_picture_is_not_read() -> None:
    assert read(np.full((96, 128, 3), 128, np.uint8)) is None
    assert read(np.where(painted(3) > painted(4), painted(3), 120).astype(np.uint8)) is None


def test_remedies_are_found_in_sentences() -> None:
    assert remedies_in("a.mp4 is empty (0 bytes); copy it again") == [Remedy.FETCH_AGAIN]
    assert remedies_in("make a copy: masklet reencode IN --out OUT.mp4") == [Remedy.COPY]
    assert remedies_in("import it with --reencode always") == [Remedy.REENCODE]
    assert remedies_in("leave out --reencode never") == []
    assert remedies_in("a.mp4 is broken") == []


def test_there_are_enough_inputs_with_names_of_their_own() -> None:
    names = [each.name for each in inputs.every_input()]
    assert len(names) >= inputs.FEWEST
    assert len(set(names)) == len(names)


def write(path: Path) -> object:
    return write_video(path, SHORT)


def write_avi(path: Path) -> object:
    return write_video(path, Coding("mjpeg", "yuvj420p", full_range=True, frames=6))


def write_text(path: Path) -> object:
    return path.write_text("the video is on the other disk")


def write_pages(folder: Path) -> object:
    return [cv2.imwrite(str(folder / f"{page}.png"), painted(page)) for page in range(2)]


def write_tiffs(folder: Path) -> object:
    return [cv2.imwrite(str(folder / f"{page}.tif"), painted(page)) for page in range(2)]


INPUTS = (
    (Input("plain", write, "a #1 ü.mp4", range(6)), Verdict.AGREE),
    (Input("not played", write_avi, "a.avi"), Verdict.AGREE),
    (Input("text", write_text, "a.mp4", intact=write), Verdict.REFUSED),
    (Input("text, for good", write_text, "a.mp4"), Verdict.WRONG),
    (Input("a frame is missing", write, "a.mp4", range(7)), Verdict.WRONG),
    (Input("pages", write_pages), Verdict.AGREE),
    (Input("pages that are not shown", write_tiffs), Verdict.AGREE),
)


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[PlayedBrowser, Sequence[Input]], list[Row]]:
    monkeypatch.setenv("MASKLET_DATA_DIR", "")  # which the benchmark sets: it is set back after the test

    def judge(browser: PlayedBrowser, chosen: Sequence[Input]) -> list[Row]:
        @contextlib.contextmanager
        def opened(server_url: str) -> Iterator[PlayedBrowser]:
            yield browser

        monkeypatch.setattr(inputs, "open_chromium", opened)
        return list(inputs.judged(chosen, tmp_path))

    return judge


def test_verdicts(judged: Callable[[PlayedBrowser, Sequence[Input]], list[Row]]) -> None:
    rows = judged(PlayedBrowser(), [each for each, _ in INPUTS])
    assert {row.name: row.verdict for row in rows} == {each.name: verdict for each, verdict in INPUTS}
    assert inputs.summary(rows) == {"inputs": 7, "agree": 4, "refused": 1, "wrong": 2}
    plain, not_played, text, *_ = rows
    assert (plain.masklet, plain.reason) == ("reads 0-5", "")
    assert "browsers do not play AVI with mjpeg" in not_played.reason
    assert "the undamaged file: agrees" in text.reason
    assert rows[4].reason == "Masklet reads 0-5, not 0-6"


def test_a_browser_that_shows_another_frame_is_wrong(
    judged: Callable[[PlayedBrowser, Sequence[Input]], list[Row]],
) -> None:
    (row,) = judged(PlayedBrowser(late=1), [INPUTS[0][0]])
    assert row.verdict is Verdict.WRONG
    assert "the browser shows picture 0, Masklet reads 1" in row.reason
