"""Regions of exported objects, for Label Studio's import."""

from __future__ import annotations

import numpy as np
import pytest

from backend.adapters.labelstudio.writing.exported import ExportedRegions
from backend.adapters.labelstudio.written_regions import instance_of
from backend.codecs.coco_rle import encode_mask
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.errors import PromptError
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId

CONFIG = (
    """<View><BrushLabels name="brush" toName="img" value="$classes"/><Image name="img" valueList="$frames"/></View>"""
)


def test_a_label_of_the_task_is_written() -> None:
    item = DatasetObject(1, ObjectId("the third"), "Egg")
    shown = LabelledMask(item, encode_mask(np.ones((4, 6), np.bool_)), None, MaskOrigin.HUMAN, None, True)
    write = ExportedRegions()
    filled = write.of_task(CONFIG, {"classes": [{"value": "Egg"}]})
    (region,) = write.on_page(shown, 0, label_config=filled, key="clip", is_shared=False)
    assert "meta" not in region
    (shared,) = write.on_page(shown, 0, label_config=filled, key="clip", is_shared=True)
    assert instance_of(shared) == "the third"
    assert region["value"]["brushlabels"] == ["Egg"]  # type: ignore[index]
    with pytest.raises(PromptError, match="no tag that takes masks has the label 'Egg'"):
        write.on_page(shown, 0, label_config=CONFIG, key="clip", is_shared=False)
