"""Hovers: the mask of a click that is not made, from encoded frames alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from backend.application.player.hover import Hovers
from backend.application.ports.requests.hover import HoverMask
from backend.application.worker.hover_loop import HoverLoop, HoverParts
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.domain.errors import MediaError, NotEncoded, PromptError, ServiceUnavailable
from backend.domain.jobs import PreviewRequest
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import FramePrompt
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeCodec
from tests.fakes.prewarm import FakePrewarmChannel
from tests.fakes.request_channel import FakeRequestChannel
from tests.unit.application.builders import TASK
from tests.unit.application.player.builders import ANN, CAT, INFO, Player, click, opened_for


@dataclass
class Setup:
    player: Player = field(default_factory=Player)
    channel: FakeRequestChannel[PreviewRequest, HoverMask] = field(default_factory=FakeRequestChannel)
    prewarm_channel: FakePrewarmChannel = field(default_factory=FakePrewarmChannel)

    def __post_init__(self) -> None:
        parts = self.player.parts
        worker = HoverParts(parts.media, parts.segmenter, FakeCodec(), None, EngineLock(), parts.clock)
        self.channel.loop = HoverLoop(self.channel, worker)
        self.hovers = Hovers(self.player.masks, self.channel, self.prewarm_channel, opened_for())

    def encode(self, *frames: int) -> None:
        self.player.parts.segmenter.warm[INFO.content_hash] = set(frames)


def test_a_hover_shows_what_a_click_would_and_records_nothing() -> None:
    setup = Setup()
    setup.encode(4)
    mask = setup.hovers.mask(click(4), deadline_s=5)
    assert (mask.object_id, mask.frame_index, mask.origin) == (CAT, 4, MaskOrigin.PROMPTED)
    parts = setup.player.parts
    assert (parts.ledger.jobs(), parts.masks.runs("i-"), setup.player.shown()) == ((), (), {})
    assert not parts.ledger.prompts(TASK, user=ANN)
    assert setup.player.put(click(4)).masks == (mask,)


def test_a_hover_adds_to_the_prompt_of_its_frame_alone() -> None:
    setup = Setup()
    setup.player.put(click(2))
    setup.player.put(click(4, x=0.2))
    setup.encode(4)
    asked: list[int] = []
    setup.player.parts.segmenter.on_frame = asked.append
    assert setup.hovers.mask(click(4, x=0.8), deadline_s=5).mask is not None
    assert asked == [4]


def test_a_frame_that_is_not_encoded_is_refused_and_then_encoded() -> None:
    setup = Setup()
    with pytest.raises(NotEncoded, match="not encoded yet"):
        setup.hovers.mask(click(4), deadline_s=5)
    assert [request.frames for request in setup.prewarm_channel.asked] == [(4,)]


def test_a_negative_hover_needs_the_frames_that_locate_the_object() -> None:
    setup = Setup()
    setup.player.put(click(2))
    setup.player.parts.segmenter.warm.clear()
    with pytest.raises(NotEncoded):
        setup.hovers.mask(click(4, positive=False), deadline_s=5)
    assert [request.frames for request in setup.prewarm_channel.asked] == [(4, 2)]


def test_a_hover_over_a_drawn_frame_keeps_the_drawn_mask() -> None:
    setup = Setup()
    drawn = np.zeros((8, 16), np.bool_)
    drawn[0] = True
    (human,) = setup.player.put(FramePrompt(CAT, FrameIndex(4), mask=drawn)).masks
    assert setup.hovers.mask(click(4), deadline_s=5) == human


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [(click(10), "frame 10 is not in the video"), (click(4, positive=False), "'Cat' has negative clicks only")],
)
def test_an_unusable_hover_is_refused(prompt: FramePrompt, sentence: str) -> None:
    with pytest.raises(PromptError, match=sentence):
        Setup().hovers.mask(prompt, deadline_s=5)


def test_the_error_of_the_media_is_the_answer() -> None:
    setup = Setup()
    setup.player.parts.media.error = MediaError("the file is a web page")
    with pytest.raises(MediaError, match="the file is a web page"):
        setup.hovers.mask(click(4), deadline_s=5)


def test_without_a_worker_a_hover_is_not_answered() -> None:
    setup = Setup()
    setup.channel.loop = None
    with pytest.raises(ServiceUnavailable, match="no worker answered within 5 s"):
        setup.hovers.mask(click(4), deadline_s=5)


def test_media_are_opened_once_for_many_hovers() -> None:
    setup = Setup()
    setup.encode(4)
    for _ in range(3):
        setup.hovers.mask(click(4), deadline_s=5)
    assert len(setup.player.parts.media.opened) == 1
    setup.player.parts.clock.advance(60)
    setup.hovers.mask(click(4), deadline_s=5)
    assert len(setup.player.parts.media.opened) == 2
