"""Objects found without prompts: grids of points on images whose objects are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from backend.adapters.media.mask_cleanup import clean_mask
from backend.application.imports.auto_segment import AutoRules, GridCandidates, parse_auto
from backend.application.imports.object_search import ObjectSearch, SearchedObject
from backend.application.ports.engine import CancelToken, NeverCancelled, Propagation
from backend.application.ports.media import VideoSource
from backend.domain.errors import InvalidInput
from backend.domain.geometry import Point, RgbFrame
from backend.domain.masklets import FrameEvidence, FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from backend.evaluation.synthetic.source import ClipSource
from tests.fakes.engine import FakePropagation, FakeSegmenter

HEIGHT, WIDTH = 64, 96


class ColourSegmenter(FakeSegmenter):
    """Segments the pixels of the colour under the point; its green value is the confidence. Propagation segments the
    same colour. Black is background."""

    def __init__(self) -> None:
        super().__init__()
        self.points = 0

    def segment_points(
        self, video: VideoSource, points: Sequence[Point], frame_index: FrameIndex
    ) -> Iterator[list[ObjectFrame]]:
        frame = video.frame(frame_index)
        self.points += len(points)
        for number, point in enumerate(points):
            yield [self._shown(frame, ObjectId(str(number)), point)]

    def _shown(self, frame: RgbFrame, object_id: ObjectId, point: Point) -> ObjectFrame:
        y, x = int(point.y_rel * frame.shape[0]), int(point.x_rel * frame.shape[1])
        colour = frame[y, x]
        mask = (frame == colour).all(-1) & bool(colour.any())
        return ObjectFrame(object_id, mask, evidence(colour[1] / 255), MaskOrigin.AUTOMATIC)

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        assert frame_range is not None
        return FakePropagation(self._again(video, prompts, frame_range), len(frame_range), resume)

    def _again(self, video: VideoSource, prompts: PromptSet, frame_range: FrameRange) -> Iterator[FrameMasks]:
        for index in range(frame_range.start, frame_range.stop):
            shown = []
            for prompt in prompts:
                assert prompt.mask is not None
                y, x = np.argwhere(prompt.mask)[0]
                mask = (video.frame(FrameIndex(index)) == video.frame(prompt.frame_index)[y, x]).all(-1)
                shown.append(ObjectFrame(prompt.object_id, mask, evidence(1.0), MaskOrigin.PROPAGATED))
            yield FrameMasks(FrameIndex(index), tuple(shown))


def evidence(sure: float) -> FrameEvidence:
    return FrameEvidence((sure,), 5.0, 1.0, 1.0, 0.1, None, None, 1)


def picture(*squares: tuple[int, int, int, int]) -> RgbFrame:
    """[64, 96, 3]: squares as (left, top, side, green); red tells them apart."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number, (left, top, side, green) in enumerate(squares, 1):
        frame[top : top + side, left : left + side] = (number, green, 0)
    return frame


def finder_of(segmenter: ColourSegmenter, rules: AutoRules | None = None) -> ObjectSearch:
    rules = rules or AutoRules()
    return ObjectSearch(segmenter, GridCandidates(segmenter, clean_mask, rules), NeverCancelled(), rules)


def find(frames: Sequence[RgbFrame], rules: AutoRules | None = None) -> list[SearchedObject]:
    return list(finder_of(ColourSegmenter(), rules).find(ClipSource(np.stack(frames))))


def test_each_object_is_found_once_the_surest_first() -> None:
    found = find([picture((8, 8, 20, 230), (50, 30, 24, 255))] * 3)
    assert [(o.key, o.frame, o.score) for o in found] == [
        ("auto 1", 0, 1.0),
        ("auto 2", 0, pytest.approx(0.902, abs=1e-3)),
    ]
    assert [int(o.mask.sum()) for o in found] == [24 * 24, 20 * 20]
    assert found[0].mask[30:54, 50:74].all()


def test_small_objects_are_found_in_frame_coordinates() -> None:
    (small,) = find([picture((72, 48, 3, 255))] * 2, AutoRules(points=8))
    assert np.argwhere(small.mask).min(0).tolist() == [48, 72]
    assert int(small.mask.sum()) == 9


@pytest.mark.parametrize(
    "square", [(8, 8, 20, 120), (40, 30, 1, 255), (0, 0, 64, 255)], ids=["unsure", "tiny", "nearly everything"]
)
def test_uncertain_tiny_and_frame_filling_objects_are_dropped(square: tuple[int, int, int, int]) -> None:
    assert find([picture(square)] * 2, AutoRules(least_area=0.001)) == []


def test_later_objects_are_found_and_known_ones_are_not() -> None:
    early, both = picture((8, 8, 20, 255)), picture((40, 8, 20, 255), (60, 40, 20, 255))
    found = find([early, early, early, both, both, both])
    assert [(o.frame, np.argwhere(o.mask).min(0).tolist()) for o in found] == [(0, [8, 8]), (4, [40, 60])]


def test_the_number_of_objects_is_limited() -> None:
    squares = [(4 + 24 * column, 4 + 20 * row, 16, 255) for row in range(3) for column in range(4)]
    assert len(find([picture(*squares)], AutoRules(most=5))) == 5


def test_the_steps_of_a_clip_are_counted_from_none_to_all() -> None:
    steps: list[tuple[int, int]] = []
    segmenter = ColourSegmenter()
    finder = finder_of(segmenter)
    finder.find(ClipSource(np.stack([picture((8, 8, 20, 255))] * 6)), lambda done, total: steps.append((done, total)))
    total = finder.steps(6)
    assert steps[0] == (0, total)
    assert steps[-1] == (total, total)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert segmenter.points == 3 * (8 * 8 + 4 * 4 * 4 + 16 * 2 * 2)


def test_a_clip_that_has_enough_objects_ends_with_all_steps_done() -> None:
    steps: list[tuple[int, int]] = []
    finder = finder_of(ColourSegmenter(), AutoRules(most=1))
    finder.find(ClipSource(np.stack([picture((8, 8, 20, 255))] * 6)), lambda done, total: steps.append((done, total)))
    assert steps[-1] == (finder.steps(6),) * 2


def test_the_rules_are_parsed() -> None:
    assert (parse_auto("auto"), parse_auto("auto:8:3")) == (AutoRules(points=8), AutoRules(points=8, most=3))
    for words in ("auto:0", "auto:x", "auto:1:2:3", "auto:65"):
        with pytest.raises(InvalidInput, match=words):
            parse_auto(words)
