"""Correction tasks: their data, their page, and their prompts for the original task."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backend.application.review.correction_tasks import (
    Addresses,
    Corrected,
    corrected_by,
    known_corrections,
    on_source_task,
    one_page,
    page_score,
    task_data,
)
from backend.application.review.next_frames import next_frames, review_video
from backend.application.review.task_signature import TaskSigner
from backend.domain.errors import MalformedRequest, NotAllowed, PromptError
from backend.domain.geometry import FrameSize
from backend.domain.masklets import EncodedMask, FrameEvidence, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

TASK = TaskKey(3, 7)
SOURCE = Corrected(TASK, FrameIndex(2))
SIGNER = TaskSigner(b"a secret")
EVIDENCE = FrameEvidence((0.9,), 5.0, 0.9, 0.9, 0.1, None, None, 1)
MASK = np.ones((4, 4), np.bool_)


def run() -> MaskRun:
    info = VideoInfo(ContentHash("ab" * 32), FrameSize(4, 4), 4, Fraction(24))
    frames = tuple(
        MaskletFrame(FrameIndex(i), EncodedMask(4, 4, f"m{i}"), EVIDENCE, MaskOrigin.PROPAGATED, u)
        for i, u in enumerate((0.0, 0.1, 0.9, 0.2))
    )
    return MaskRun(info, (Masklet(ObjectId("r1"), "Cat", frames),))


def drawn(label: str = "Cat") -> PromptSet:
    return PromptSet.of([FramePrompt(ObjectId(label), FrameIndex(0), mask=MASK)], {ObjectId(label): label})


def earlier_prompts(*ids: str) -> PromptSet:
    prompts = [FramePrompt(ObjectId(name), FrameIndex(at), mask=~MASK | MASK) for name in ids for at in (0, 2)]
    return PromptSet.of(prompts, {ObjectId(name): "Cat" for name in ids})


def test_a_task_has_its_correction_in_fixed_width_columns() -> None:
    video = review_video(run(), "task 7", "masklet-demo-1", task=TASK)
    (frame,) = next_frames([video], 1, rng=np.random.default_rng(0))
    addresses = Addresses("http://x/2.jpg", "http://x/object.svg", "http://ls/projects/3")
    data = task_data(SOURCE, addresses, frame, signature=SIGNER.sign(9, SOURCE.key))
    assert data["object_picture"] == "![the object where it was prompted](http://x/object.svg)"
    assert (data["video"], data["page"], data["object"], data["video_task"]) == (
        "task 7", 3, "Cat", "http://ls/projects/3",
    )  # fmt: skip
    assert (data["image"], data["frame"], data["uncertainty"], data["priority"]) == (
        "http://x/2.jpg", 2, "0.9000", "1.0000",
    )  # fmt: skip
    assert corrected_by(data, 9, SIGNER) == SOURCE


def test_the_one_page_has_the_frame_s_masks_as_page_0() -> None:
    page = one_page(run(), FrameIndex(2))
    ((frame,),) = (masklet.frames for masklet in page.masklets)
    assert (frame.frame_index, frame.mask.counts, page.video.frame_count) == (0, "m2", 1)
    assert page_score(page) == pytest.approx(0.1)


def test_a_drawn_mask_goes_to_the_object_of_its_label() -> None:
    back = on_source_task(drawn(), SOURCE, earlier_prompts("r1"))
    assert [(prompt.object_id, prompt.frame_index) for prompt in back] == [("r1", 0), ("r1", 2)]
    (fresh,) = (prompt.mask for prompt in back.on_frame(2))
    assert fresh is MASK


def test_an_unknown_label_is_a_new_object() -> None:
    back = on_source_task(drawn("Dog"), SOURCE, earlier_prompts("r1"))
    assert [(prompt.object_id, prompt.frame_index) for prompt in back][-1] == ("Dog", 2)
    assert back.labels == {"r1": "Cat", "Dog": "Dog"}


def test_a_label_of_several_objects_is_ambiguous() -> None:
    with pytest.raises(PromptError, match="2 objects of task 3/7 have the label 'Cat'"):
        on_source_task(drawn(), SOURCE, earlier_prompts("r1", "r2"))


@pytest.mark.parametrize("data", [{}, {"masklet": {"key": "video"}}, {"masklet": "x"}])
def test_other_tasks_are_no_corrections(data: dict[str, object]) -> None:
    assert corrected_by(data, 9, SIGNER) is None


@pytest.mark.parametrize("what", ["x", {"project": 1, "task": 2}, {"project": 1, "task": True, "frame": 0}])
def test_a_correction_without_a_frame_is_refused(what: object) -> None:
    with pytest.raises(MalformedRequest, match="must name a project, a task and a frame"):
        corrected_by({"masklet": {"corrects": what}}, 9, SIGNER)


@pytest.mark.parametrize(
    "signature", [None, "", 7, SIGNER.sign(8, SOURCE.key), TaskSigner(b"other").sign(9, SOURCE.key)]
)
def test_a_correction_needs_a_valid_signature(signature: object) -> None:
    corrects = {"project": 3, "task": 7, "frame": 2}
    data = {"masklet": {"key": SOURCE.key, "proof": signature, "corrects": corrects}}
    with pytest.raises(NotAllowed, match="did not make this correction of frame 2 of task 3/7"):
        corrected_by(data, 9, SIGNER)
    assert known_corrections({1: data}, 9, SIGNER) == {}


def test_the_oldest_signed_task_is_a_frame_s_correction() -> None:
    facts = {"proof": SIGNER.sign(9, SOURCE.key), "corrects": {"project": 3, "task": 7, "frame": 2}}
    tasks: dict[int, dict[str, object]] = {
        5: {"masklet": facts},
        4: {"masklet": facts},
        3: {},
        2: {"masklet": {"corrects": 1}},
    }
    assert known_corrections(tasks, 9, SIGNER) == {SOURCE.key: 4}
