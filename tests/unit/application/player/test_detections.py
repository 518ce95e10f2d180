"""Objects found by a text in the player: the worker's answer without those that are marked already."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from backend.application.player.detections import Detections, FoundObjects
from backend.application.ports.requests.detection import DetectionRequest, Detector
from backend.application.worker.detection_loop import DetectionLoop
from backend.domain.detections import Detection
from backend.domain.errors import DetectorMissing, InvalidInput, MediaError, NotYet, PromptError, ServiceUnavailable
from backend.domain.geometry import Box
from backend.domain.video import FrameIndex
from tests.fakes.engine import SIZE, FakeDetector, FakeMedia
from tests.fakes.fetches import FetchedMedia
from tests.fakes.request_channel import FakeRequestChannel
from tests.unit.application.builders import TASK
from tests.unit.application.player.builders import BOB, Player, click, opened_for

COLUMN = Box(4 / SIZE.width, 0.0, 5 / SIZE.width, 1.0)
"""The mask of a click on frame 4."""

ELSEWHERE = Box(0.5, 0.25, 0.9, 0.75)
FRAME = FrameIndex(4)


@dataclass
class Setup:
    player: Player = field(default_factory=Player)
    detector: FakeDetector = field(default_factory=FakeDetector)
    media: FakeMedia = field(default_factory=FakeMedia)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.channel: FakeRequestChannel[DetectionRequest, tuple[Detection, ...]] = FakeRequestChannel()
        self.channel.loop = DetectionLoop(self.channel, self.media, self.load)
        self.detections = Detections(self.player.masks, self.channel, opened_for())

    def load(self) -> Detector:
        self.loads.append("loaded")
        return self.detector

    def on(self, text: str = "car") -> FoundObjects:
        return self.detections.on(FRAME, text, deadline_s=5)


def test_what_a_text_describes_is_found_on_its_frame() -> None:
    setup = Setup()
    setup.detector.found["red car"] = (Detection(ELSEWHERE, 0.5), Detection(COLUMN, 0.9))
    assert setup.on(" red  car ") == FoundObjects((Detection(COLUMN, 0.9), Detection(ELSEWHERE, 0.5)), 0)
    assert (setup.media.tasks, setup.media.asked) == ([TASK], [[FRAME]])
    assert setup.detector.asked == [("red car", SIZE.width, SIZE.height)]
    assert (setup.player.parts.ledger.jobs(), setup.player.shown()) == ((), {})


def test_what_is_marked_already_is_counted_and_left_out() -> None:
    setup = Setup()
    setup.detector.found["car"] = (Detection(COLUMN, 0.9), Detection(ELSEWHERE, 0.5))
    setup.player.put(click(4), user=BOB)
    assert setup.on().known == 0
    setup.player.put(click(4))
    assert setup.on() == FoundObjects((Detection(ELSEWHERE, 0.5),), 1)


def test_the_detector_is_loaded_once_and_again_after_it_failed() -> None:
    setup = Setup()
    assert setup.loads == []
    setup.on()
    setup.on()
    assert setup.loads == ["loaded"]

    def missing() -> Detector:
        raise DetectorMissing("there is no detector")

    setup.channel.loop = DetectionLoop(setup.channel, setup.media, missing)
    for _ in range(2):
        with pytest.raises(DetectorMissing, match="there is no detector"):
            setup.on()


def test_refusals() -> None:
    setup = Setup()
    with pytest.raises(InvalidInput, match="printable characters"):
        setup.on("  ")
    with pytest.raises(PromptError, match="frame"):
        setup.detections.on(FrameIndex(10), "car", deadline_s=5)
    assert setup.channel.answers == {}
    setup.media.error = MediaError("the file is cut off")
    with pytest.raises(MediaError, match="the file is cut off"):
        setup.on()
    setup.channel.loop = None
    with pytest.raises(ServiceUnavailable, match="no worker answered within 5 s; the first search takes longest"):
        setup.on()


def test_media_that_do_not_come_in_time_are_told() -> None:
    setup = Setup()
    media = FetchedMedia()
    media.slow.add("/data/clip.mp4")
    setup.channel.loop = DetectionLoop(setup.channel, media, setup.load)
    with pytest.raises(NotYet, match="still being fetched: try again"):
        setup.on()
    assert media.fetches[0].is_cancelled
    media.arrive()
    assert setup.on() == FoundObjects((), 0)
