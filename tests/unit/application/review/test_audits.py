"""Audits: shown masks are compared with drawn ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import Corrected
from backend.domain.audits import AuditTally
from backend.domain.geometry import FrameSize, Point
from backend.domain.masklets import FrameEvidence, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.engine import FakeCodec
from tests.fakes.key_value import MemoryKeyValueStore

SOURCE = Corrected(TaskKey(3, 7), FrameIndex(2))
VERSION = "masklet-demo-428354f2-u511ac422"
PAGE = FrameIndex(0)
EVIDENCE = FrameEvidence((0.9,), 5.0, 0.9, 0.9, 0.1, None, None, 1)
CODEC = FakeCodec()


def box(width: int) -> NDArray[np.bool_]:
    mask = np.zeros((4, 8), np.bool_)
    mask[:, :width] = True
    return mask


def page(*objects: tuple[str, int, float], origin: MaskOrigin = MaskOrigin.PROPAGATED) -> MaskRun:
    info = VideoInfo(ContentHash("ab" * 32), FrameSize(8, 4), 1, Fraction(24))
    return MaskRun(
        info,
        tuple(
            Masklet(ObjectId(f"r{at}"), label, (MaskletFrame(PAGE, CODEC.encode(box(width)), EVIDENCE, origin, doubt),))
            for at, (label, width, doubt) in enumerate(objects)
        ),
    )


def drawn(**widths: int) -> PromptSet:
    prompts = [FramePrompt(ObjectId(label), PAGE, mask=box(width)) for label, width in widths.items()]
    return PromptSet.of(prompts, {})


@pytest.fixture
def audits() -> Audits:
    return Audits(MemoryKeyValueStore())


def only(audits: Audits, version: str = VERSION) -> AuditTally:
    return audits.tallies()[version]


def test_unchanged_masks_are_right_and_others_by_iou(audits: Audits) -> None:
    audits.draw(SOURCE, page(("Cat", 4, 0.1), ("Dog", 8, 0.3)), VERSION)
    assert audits.tallies() == {}
    assert audits.settle(SOURCE, drawn(Cat=4, Dog=5), CODEC)
    found = only(audits)
    assert (found.count, found.failures, found.is_probability) == (2, 1, True)
    assert found.predicted == pytest.approx(0.2)


def test_a_deleted_mask_was_wrong_unless_it_was_empty(audits: Audits) -> None:
    audits.draw(SOURCE, page(("Cat", 4, 0.1), ("Dog", 0, 0.1)), VERSION)
    audits.settle(SOURCE, drawn(), CODEC)
    assert (only(audits).count, only(audits).failures) == (2, 1)


def test_the_newest_correction_counts(audits: Audits) -> None:
    audits.draw(SOURCE, page(("Cat", 4, 0.1)), VERSION)
    audits.settle(SOURCE, drawn(Cat=8), CODEC)
    audits.settle(SOURCE, drawn(Cat=4), CODEC)
    assert (only(audits).count, only(audits).failures) == (1, 0)


def test_drawing_a_frame_again_keeps_its_first_record(audits: Audits) -> None:
    audits.draw(SOURCE, page(("Cat", 4, 0.1)), VERSION)
    audits.draw(SOURCE, page(("Cat", 4, 0.9)), "masklet-demo-00000000")
    audits.settle(SOURCE, drawn(Cat=4), CODEC)
    assert only(audits).predicted == pytest.approx(0.1)


def test_frames_that_cannot_be_compared_stay_unsettled(audits: Audits) -> None:
    audits.draw(SOURCE, page(("Cat", 4, 0.1), ("Dog", 4, 0.1), ("Fox", 4, 0.1), ("Fox", 2, 0.1)), VERSION)
    click = FramePrompt(ObjectId("Cat"), PAGE, (PointPrompt(Point(0.1, 0.1)),))
    small = FramePrompt(ObjectId("Dog"), PAGE, mask=np.ones((2, 4), np.bool_))
    audits.settle(SOURCE, PromptSet.of([click, small, *drawn(Fox=4)], {}), CODEC)
    assert audits.tallies() == {}


def test_a_human_frame_is_no_audit_of_the_model(audits: Audits) -> None:
    audits.draw(SOURCE, page(("Cat", 4, 0.0), origin=MaskOrigin.HUMAN), VERSION)
    audits.settle(SOURCE, drawn(Cat=8), CODEC)
    assert audits.tallies() == {}


def test_frames_that_were_not_drawn_are_no_audits(audits: Audits) -> None:
    assert not audits.settle(SOURCE, drawn(Cat=4), CODEC)


def test_tallies_are_per_project_and_model(audits: Audits) -> None:
    other = Corrected(TaskKey(4, 7), FrameIndex(2))
    for where, version in ((SOURCE, VERSION), (other, "masklet-demo-428354f2")):
        audits.draw(where, page(("Cat", 4, 0.1)), version)
        audits.settle(where, drawn(Cat=4), CODEC)
    audits.key_values.write("audits/9-9-9", b"{}")
    assert {version: found.is_probability for version, found in audits.tallies().items()} == {
        VERSION: True, "masklet-demo-428354f2": False,
    }  # fmt: skip
    assert list(audits.tallies(4)) == ["masklet-demo-428354f2"]
