"""What a film shows is what Label Studio's page shows: the label's colour, and the score in its colour."""

from __future__ import annotations

import numpy as np
import pytest

from backend.adapters.formats.overlay import draw
from backend.adapters.formats.shared.images import colour_of
from backend.adapters.labelstudio.reading.player_config import label_colors
from backend.codecs.coco_rle import encode_mask
from backend.codecs.score_marks import rgb_of, score_color
from backend.domain.datasets import DatasetObject, LabelledMask, with_label_colors
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId

SIZE = FrameSize(320, 240)
CONFIG = """<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i">
<Label value="Cat" background="#1f9d55"/><Label value="Dog" background="#d9480f"/></BrushLabels></View>"""


def objects(*labels: str) -> tuple[DatasetObject, ...]:
    return tuple(DatasetObject(number, ObjectId(str(number)), label) for number, label in enumerate(labels, 1))


def film_of(item: DatasetObject, uncertainty: float | None, *, approved: bool = False) -> RgbFrame:
    picture = np.full((SIZE.height, SIZE.width, 3), 128, np.uint8)
    draw(picture, [shown(item, uncertainty, approved=approved)], SIZE)
    return picture


def shown(item: DatasetObject, uncertainty: float | None, *, approved: bool = False) -> LabelledMask:
    mask = np.zeros((SIZE.height, SIZE.width), bool)
    mask[100:150, 100:200] = True
    return LabelledMask(item, encode_mask(mask), None, MaskOrigin.PROPAGATED, uncertainty, approved)


def has(picture: RgbFrame, color: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(color)).all(-1).any())


def test_the_first_object_of_a_label_has_its_colour_and_others_that_of_their_numbers() -> None:
    found = with_label_colors(objects("Cat", "Dog", "Cat", "Bird"), label_colors(CONFIG))
    assert [item.color for item in found] == ["#1f9d55", "#d9480f", "", ""]
    assert has(film_of(found[0], None), (0x1F, 0x9D, 0x55))
    assert has(film_of(found[2], None), colour_of(3))


def test_a_config_that_is_none_has_no_colours() -> None:
    assert label_colors("<View") == {}


@pytest.mark.parametrize("uncertainty", [0.02, 0.14, 0.5, 0.97])
def test_a_score_stands_on_label_studios_colour(uncertainty: float) -> None:
    (item,) = objects("Cat")
    ground = rgb_of(score_color(uncertainty))
    assert has(film_of(item, uncertainty), ground)
    assert not has(film_of(item, uncertainty, approved=True), ground)
    assert not has(film_of(item, None), ground)


def test_captions_of_objects_on_each_other_do_not_cover_each_other() -> None:
    """Each score has a ground of its own size: the pixels of three add up."""
    found = objects("Cat", "Dog", "Bird")
    uncertainties = (0.02, 0.5, 0.97)
    alone = [film_of(item, each) for item, each in zip(found, uncertainties, strict=True)]
    together = np.full((SIZE.height, SIZE.width, 3), 128, np.uint8)
    draw(together, [shown(item, each) for item, each in zip(found, uncertainties, strict=True)], SIZE)
    for picture, each in zip(alone, uncertainties, strict=True):
        ground = np.array(rgb_of(score_color(each)))
        assert (together == ground).all(-1).sum() == (picture == ground).all(-1).sum() > 0
