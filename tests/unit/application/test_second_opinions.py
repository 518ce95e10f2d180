"""Which frames get a second look, and what is kept of it."""

from __future__ import annotations

import numpy as np
import pytest

from backend.application.notes import MemoryNotes
from backend.application.requests import TaskKey
from backend.application.review import ReviewVideo, SeenFrame, next_frames
from backend.application.second_look import SecondLook, ShownMasks
from backend.application.second_opinions import (
    Opinion,
    candidates,
    dump_opinions,
    keep_opinions,
    kept_opinions,
    load_opinions,
    look_again,
    with_opinions,
)
from backend.domain.errors import IntegrityError
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.second_look import Findings, SecondOpinion, Weights
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeCodec, FakeVideo
from tests.fakes.remembering import RememberingSegmenter
from tests.unit.application.test_second_look import picture

CAT = ObjectId("cat")
TASK = TaskKey(3, 7)
CURVE = (0.0, 0.1, 0.2, 0.9, 0.3, 0.1, 0.0, 0.1)
OPINION = SecondOpinion((Weights(-20.0, 0.0, {"forward_backward": 0.0, "cycle": 0.0}),))
"""A second look makes everything certain."""


def video(human: tuple[int, ...] = (0, 6)) -> ReviewVideo:
    frames = tuple(
        SeenFrame(FrameIndex(i), u, MaskOrigin.PROMPTED if i in human else MaskOrigin.PROPAGATED)
        for i, u in enumerate(CURVE)
    )
    return ReviewVideo("clip", len(frames), 2.0, "masklet-demo-428354f2-u511ac422", {CAT: frames}, TASK)


def test_candidates_are_what_would_be_chosen_less_human_frames() -> None:
    assert candidates(video(), 2)[0] == (CAT, 3)
    assert {frame for _, frame in candidates(video(), 20)} == {1, 2, 3, 4, 5, 7}


def test_a_second_look_changes_candidates_alone_and_with_them_the_choice() -> None:
    shown = ShownMasks(CAT, (0, 6), lambda frame: picture(CAT, frame))
    look = SecondLook(RememberingSegmenter(), FakeVideo(8), FakeCodec())
    found = look_again(video(), [shown], look, OPINION, count=1)
    assert set(found) == {(CAT, 3)}
    assert found[CAT, 3].uncertainty == pytest.approx(0.0, abs=1e-6)
    after = with_opinions(video(), found)
    assert [round(seen.uncertainty, 3) for seen in after.objects[CAT]] == [0.0, 0.1, 0.2, 0.0, 0.3, 0.1, 0.0, 0.1]
    (first,), (second,) = (next_frames([one], 1, rng=np.random.default_rng(0)) for one in (video(), after))
    assert (first.choice.frame_index, second.choice.frame_index) == (3, 4)
    assert "cycle" not in second.document()
    (looked,) = [seen for seen in after.objects[CAT] if seen.frame_index == 3]
    assert looked.findings.cycle is not None


def test_opinions_are_kept_for_the_run_that_was_looked_at_and_for_no_other() -> None:
    notes = MemoryNotes()
    opinions = {(CAT, 3): Opinion(Findings(0.25, None), 0.5), (CAT, 4): Opinion(Findings(None, 1.0), 0.75)}
    assert kept_opinions(notes, TASK, "run-a1") == {}
    keep_opinions(notes, TASK, "run-a1", opinions)
    assert kept_opinions(notes, TASK, "run-a1") == opinions
    assert kept_opinions(notes, TASK, "run-a2") == {}
    assert load_opinions("x", dump_opinions("x", opinions)) == opinions


@pytest.mark.parametrize("body", [b"{", b'{"run": "x"}', b'{"run": "x", "spots": [{"frame": 1}]}'])
def test_a_damaged_record_is_said_to_be(body: bytes) -> None:
    with pytest.raises(IntegrityError, match="look again"):
        load_opinions("x", body)
