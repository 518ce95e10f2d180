"""Which labels of a project a training learns from."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from backend.application.ports.datasets import DatasetEntry
from backend.application.training.labels import TrainingLabels, VideoFault, annotator_choice
from backend.domain.datasets import AnnotatorChoice
from backend.domain.errors import InvalidInput, MediaError, MediaUnreachable, NotFound, PicturesGone
from backend.domain.geometry import FrameSize
from backend.domain.verdicts import Verdict, VerdictChoice
from backend.domain.video import ContentHash, VideoInfo
from tests.unit.application.training.builders import (
    CAT,
    CODEC,
    DOG,
    HUMAN,
    PROPAGATED,
    Annotation,
    Annotations,
    NeverCancelled,
    counted,
    labels,
)

FEW = (HUMAN, PROPAGATED, PROPAGATED)
DRAWN = Annotation({CAT: FEW})


def test_corrected_frames_count_and_approved_objects_wholly() -> None:
    approved = Annotation({CAT: FEW}, {CAT: Verdict.SATISFACTORY})
    both = Annotation({CAT: FEW, DOG: (PROPAGATED, HUMAN, PROPAGATED)}, {CAT: Verdict.SATISFACTORY})
    objected = Annotation({CAT: FEW, DOG: FEW}, {DOG: Verdict.REDO})
    made = labels(t41_1=DRAWN, t42_1=approved, t43_1=both, t44_1=objected)
    assert counted(made) == {
        "41": (["cat"], [0]),
        "42": (["cat"], [0, 1, 2]),
        "43": (["cat", "dog"], [1]),
        "44": (["cat"], [0]),
    }
    assert counted(labels(choice="all", t41_1=DRAWN)) == {"41": (["cat"], [0, 1, 2])}


def test_the_people_and_videos_are_recorded() -> None:
    approved = Annotation({CAT: FEW}, {CAT: Verdict.SATISFACTORY})
    made = labels(t41_1=approved, t42_2=DRAWN)
    (first, second) = made.used.videos
    assert (first.annotators, first.approvers, first.frames) == (("ann@example.org",), ("bea@example.org",), 3)
    assert (second.task, second.approvers) == (42, ())
    assert made.used.people == ("ann@example.org", "bea@example.org")
    assert made.record["project"] == 7
    assert made.record["people"] == ["ann@example.org", "bea@example.org"]
    assert [entry.video for entry in made.entries()] == ["ab" * 32] * 2, "the same video"


def test_labels_without_a_content_hash_get_that_of_their_pictures() -> None:
    pages = Annotation({CAT: FEW}, info=VideoInfo(ContentHash(""), FrameSize(10, 10), 3, Fraction(1)))
    made = labels(t41_1=pages)
    with made.open(made.entries()[0]) as video:
        assert video.info.content_hash == "ab" * 32, "or all tasks of pages would be one video"


def test_several_annotations_become_their_consensus() -> None:
    cem = Annotation({CAT: (PROPAGATED, HUMAN, PROPAGATED)}, author="cem@example.org")
    made = labels(t41_1=DRAWN, t41_2=cem)
    assert counted(made) == {"41": (["cat"], [0, 1])}
    assert made.used.videos[0].annotators == ("ann@example.org", "cem@example.org")


def test_a_faulty_video_is_left_out_and_named() -> None:
    made = labels(
        t41_1=DRAWN,
        t42_1=Annotation({CAT: FEW}, pictures_error=MediaUnreachable("the server does not answer")),
        t43_1=MediaError("no video"),
        t44_1=Annotation({CAT: FEW}, undecodable=(0,)),
        t45_1=Annotation({CAT: FEW}, pictures_error=PicturesGone("it is gone")),
    )
    assert list(counted(made)) == ["41"]
    assert {each.task: each.reason for each in made.used.left_out} == {
        42: "the server does not answer",
        43: "no video",
        44: "it has no frame of which every mask was corrected or approved by a person",
        45: "it is gone",
    }


def test_a_fault_that_is_met_later_names_its_video() -> None:
    made = labels(t41_1=DRAWN, t42_1=DRAWN)
    entry = made.entries()[1]
    with pytest.raises(VideoFault, match="task 42: the frame is broken") as caught, made.open(entry):
        raise MediaError("the frame is broken")
    used = made.leave_out(caught.value.key, caught.value.reason)
    assert [each.task for each in used.videos] == [41]
    assert [each.reason for each in used.left_out] == ["the frame is broken"]
    assert [each.key for each in made.entries()] == ["41"]
    with pytest.raises(InvalidInput, match="too few"), made.open(made.entries()[0]):
        raise InvalidInput("too few labels")  # of the trainer, not of the video


class Unlabelled(Annotations):
    """A project without annotations."""

    def entries(self) -> Sequence[DatasetEntry]:
        raise NotFound("project 7 has no task with annotations; see --from and --annotator")


def test_without_labels_the_way_out_is_named() -> None:
    propagated = Annotation({CAT: (PROPAGATED,) * 3})
    with pytest.raises(InvalidInput, match=r"Task 41: it has no frame .*--verdict all takes every submitted mask"):
        labels(t41_1=propagated)
    with pytest.raises(InvalidInput, match=r"nothing to learn from: project 7 has no task with annotations$"):
        TrainingLabels(Unlabelled({}), VerdictChoice.parse("all"), CODEC).collect(NeverCancelled())
    copies = TrainingLabels(Annotations({"41/1": DRAWN}), VerdictChoice.parse("all"), CODEC, excluded={41})
    with pytest.raises(InvalidInput, match="no annotation to learn from"):
        copies.collect(NeverCancelled())


def test_annotators_are_chosen_as_in_exports() -> None:
    assert annotator_choice("auto") is None
    assert annotator_choice("5") == AnnotatorChoice(AnnotatorChoice.Way.USER, 5)
    with pytest.raises(InvalidInput, match="auto, newest, consensus, trusted-consensus or the number"):
        annotator_choice("each")
