"""Objects of prompt files as prompts on a task's frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from backend.application.imports.model import TaskDraft
from backend.application.imports.prompts import at_start, first_of_each, moved_to, prompts_on
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import FrameIndex
from tests.fakes.batch import medium
from tests.unit.application.builders import CAT, click_on

LABELS = ("Cat", "Dog")
BOX = Box(0.1, 0.1, 0.5, 0.5)


@dataclass(frozen=True)
class Seen:
    key: str
    frame: int
    label: str = ""
    box: Box | None = BOX
    mask: BoolMask | None = None


def draft(*frames: int) -> TaskDraft:
    return TaskDraft("k-00000", "clip", medium("clip.mp4"), tuple(FrameIndex(f) for f in frames))


def test_frames_of_the_source_become_frames_of_the_task() -> None:
    prompts = prompts_on(draft(4, 6, 8), [Seen("1", 6, "Dog"), Seen("2", 8, "Dog"), Seen("3", 5, "Cat")], LABELS)
    assert [(str(p.object_id), p.frame_index) for p in prompts] == [("Dog", 1), ("Dog #2", 2)]
    assert dict(prompts.labels) == {ObjectId("Dog"): "Dog", ObjectId("Dog #2"): "Dog"}


def test_a_mask_is_preferred_to_its_box() -> None:
    (prompt,) = prompts_on(draft(0), [Seen("1", 0, "Cat", mask=np.ones((2, 2), np.bool_))], LABELS)
    assert prompt.box is None
    assert prompt.mask is not None


def test_prompts_that_do_not_fit_are_named() -> None:
    with pytest.raises(PromptError, match=r"label 'Bat' is not in the project's label config; it has Cat, Dog"):
        prompts_on(draft(0), [Seen("1", 0, "Bat")], LABELS)
    with pytest.raises(PromptError, match=r"the prompt for '1' is on frame 10, but clip.mp4 has 10 frames \(0 to 9\)"):
        prompts_on(draft(0), [Seen("1", 10, "Cat")], LABELS)
    with pytest.raises(PromptError, match=r"a prompt is on frame 12, but clip.mp4 has 10 frames"):
        moved_to(draft(0), click_on(12), LABELS)


def test_a_prompt_file_is_shifted_to_its_segment() -> None:
    assert [p.frame_index for p in moved_to(draft(4, 5, 6), click_on(5), LABELS)] == [1]
    assert not moved_to(replace(draft(0, 1, 2), count=2), click_on(5), LABELS)
    with pytest.raises(PromptError, match=r"for clip.mp4 are on frames 5, and its task has none of these; .* --select"):
        moved_to(draft(0, 1, 2), click_on(5), LABELS)


def test_an_object_without_a_label_is_never_given_one_of_several() -> None:
    with pytest.raises(PromptError, match="object '1' has no label; the project's label config has Cat, Dog; name it"):
        prompts_on(draft(0), [Seen("1", 0)], LABELS, naming="name it")
    assert dict(prompts_on(draft(0), [Seen("1", 0)], ["Cat"]).labels) == {ObjectId("Cat"): "Cat"}


def test_prompts_on_frames_that_the_task_leaves_out_are_an_error() -> None:
    with pytest.raises(PromptError, match=r"for clip.mp4 are on frames 1,3-4, and its task has none of these"):
        prompts_on(draft(0, 5), [Seen(str(n), n, "Cat") for n in (3, 1, 4)], LABELS)


def test_a_sibling_s_annotation_prompts_the_first_frame() -> None:
    both = PromptSet.of([*click_on(3), *click_on(7)], {CAT: "Cat"})
    assert [p.frame_index for p in at_start(both)] == [0]
    assert [p.frame_index for p in first_of_each(both)] == [3]
    assert [p.automatic is None for p in at_start(both)] == [False]  # a person gave them for another video
    assert not at_start(PromptSet(()))
