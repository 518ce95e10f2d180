"""The frames that an export keeps."""

from __future__ import annotations

import pytest

from backend.domain.datasets import DatasetFrame, DatasetObject, FrameChoice, LabelledMask
from backend.domain.errors import InvalidInput
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex

CAT = DatasetObject(1, ObjectId("cat"), "Cat")
MASK = EncodedMask(1, 1, "01")


def frame(*objects: tuple[float | None, bool]) -> DatasetFrame:
    """A frame whose objects have these uncertainties, approved or not."""
    shown = (LabelledMask(CAT, MASK, None, MaskOrigin.PROPAGATED, doubt, approved) for doubt, approved in objects)
    return DatasetFrame(FrameIndex(0), tuple(shown))


@pytest.mark.parametrize(
    ("choice", "kept", "objects"),
    [
        ("all", True, [(None, False)]),
        ("all", True, []),
        ("human", True, [(0.9, True), (None, True)]),
        ("human", False, [(0.0, True), (0.0, False)]),
        ("human", False, []),
        ("certain:0.3", True, [(0.3, False), (0.1, False)]),
        ("certain:0.3", False, [(0.31, False), (0.1, False)]),
        ("certain:0.3", True, [(0.9, True)]),
        ("certain:0.3", False, [(None, False)]),
        ("certain:1", False, []),
    ],
)
def test_a_frame_is_kept_as_a_whole(choice: str, kept: bool, objects: list[tuple[float | None, bool]]) -> None:
    assert FrameChoice.parse(choice).keeps(frame(*objects)) is kept


@pytest.mark.parametrize("text", ["human", "all", "certain:0.3", "certain:0", "certain:1"])
def test_a_choice_reads_as_it_is_written(text: str) -> None:
    assert str(FrameChoice.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "some", "human:1", "certain", "certain:", "certain:x", "certain:1.1", "certain:nan"]
)
def test_another_choice_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(InvalidInput, match="--frames"):
        FrameChoice.parse(text)
