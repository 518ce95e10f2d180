"""Objects found by texts: their labels, masks, scores and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from backend.application.imports.object_search import ObjectSearch, SearchedObject
from backend.application.imports.text_search import TEXT_RULES, TextCandidates, TextQuery, text_queries
from backend.application.ports.engine import NeverCancelled
from backend.application.ports.media import VideoSource
from backend.domain.detections import Detection
from backend.domain.errors import InvalidInput
from backend.domain.geometry import RgbFrame, box_of_mask
from backend.domain.masklets import FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import PromptSet
from backend.domain.video import FrameIndex
from backend.evaluation.synthetic.source import ClipSource
from tests.unit.application.imports.test_auto_segment import HEIGHT, WIDTH, ColourSegmenter, evidence, picture

LABELS = ("Car", "Dog")


class BoxSegmenter(ColourSegmenter):
    """Segments the colour in the middle of each box."""

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        frame = video.frame(frame_index)
        shown = []
        for prompt in prompts:
            assert prompt.box is not None
            middle = prompt.box.center
            colour = frame[int(middle.y_rel * HEIGHT), int(middle.x_rel * WIDTH)]
            mask = (frame == colour).all(-1) & bool(colour.any())
            shown.append(ObjectFrame(prompt.object_id, mask, evidence(1.0), MaskOrigin.PROMPTED))
        return FrameMasks(frame_index, tuple(shown))


@dataclass
class RedDetector:
    """Finds the pixels whose red value is the text's number; its scores fall with it. asked: texts and limits."""

    asked: list[tuple[str, float | None]] = field(default_factory=list)

    def detect(self, picture: RgbFrame, text: str, *, least_score: float | None = None) -> tuple[Detection, ...]:
        self.asked.append((text, least_score))
        box = box_of_mask(picture[..., 0] == int(text))
        return () if box is None else (Detection(box, 1 - int(text) / 10),)


def find(
    frames: Sequence[RgbFrame], queries: Sequence[TextQuery], least_score: float | None = None
) -> list[SearchedObject]:
    segmenter = BoxSegmenter()
    candidates = TextCandidates(RedDetector(), segmenter, queries, least_score)
    return list(ObjectSearch(segmenter, candidates, NeverCancelled(), TEXT_RULES).find(ClipSource(np.stack(frames))))


def test_each_text_gives_objects_of_its_label_with_masks_and_scores() -> None:
    found = find([picture((8, 8, 20, 230), (50, 30, 24, 255))] * 3, [TextQuery("1", "Car"), TextQuery("2", "Dog")])
    assert [(o.key, o.frame, o.label, o.score) for o in found] == [
        ("found 1", 0, "Car", 0.9),
        ("found 2", 0, "Dog", 0.8),
    ]
    assert [int(o.mask.sum()) for o in found] == [20 * 20, 24 * 24]


def test_an_object_of_a_later_frame_is_found_there_and_a_known_one_once() -> None:
    early, both = picture((8, 8, 20, 255)), picture((40, 8, 20, 255), (60, 40, 20, 255))
    found = find([early, early, early, both, both, both], [TextQuery("1", "Car"), TextQuery("2", "Car")])
    assert [(o.frame, np.argwhere(o.mask).min(0).tolist()) for o in found] == [(0, [8, 8]), (4, [40, 60])]


def test_two_texts_for_one_object_give_one() -> None:
    (found,) = find([picture((8, 8, 20, 255))], [TextQuery("1", "Car"), TextQuery("1", "Dog")])
    assert found.label == "Car"


def test_what_is_not_there_and_what_has_no_mask_is_no_object() -> None:
    assert find([picture()], [TextQuery("1", "Car"), TextQuery("0", "Dog")]) == []


def test_the_limit_reaches_the_detector_and_all_steps_are_counted() -> None:
    detector, segmenter = RedDetector(), BoxSegmenter()
    candidates = TextCandidates(detector, segmenter, [TextQuery("1", "Car")], 0.25)
    search = ObjectSearch(segmenter, candidates, NeverCancelled(), TEXT_RULES)
    steps: list[tuple[int, int]] = []
    search.find(ClipSource(np.stack([picture((8, 8, 20, 255))] * 6)), lambda done, total: steps.append((done, total)))
    assert set(detector.asked) == {("1", 0.25)}
    assert (steps[0], steps[-1]) == ((0, search.steps(6)), (search.steps(6), search.steps(6)))


def test_a_text_gets_the_label_that_is_given_called_like_it_or_the_only_one() -> None:
    assert text_queries(["red car=Car", " DOG "], LABELS) == (TextQuery("red car", "Car"), TextQuery("DOG", "Dog"))
    assert text_queries(["red car", "a=b=Car"], ["Car"]) == (TextQuery("red car", "Car"), TextQuery("a=b", "Car"))


@pytest.mark.parametrize(
    ("text", "labels", "said"),
    [
        (
            "red car",
            LABELS,
            "which label has 'red car'?; the project's labels: Car, Dog; for one: --find 'red car=Car'",
        ),
        ("red car=Lorry", LABELS, "label 'Lorry' is not in the project; the project's labels: Car, Dog"),
        ("red car=", ["Car"], "label '' is not in the project"),
        ("red car", (), "the project's labels: none"),
        ("=Car", LABELS, "has 1 to 100 printable characters"),
    ],
)
def test_a_text_without_a_label_of_the_project_is_refused(text: str, labels: Sequence[str], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        text_queries([text], labels)
    assert said in str(refused.value)
