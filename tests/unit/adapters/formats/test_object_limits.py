"""Videos with more objects than a format can number: an error that names a way out, and nothing is written."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.store.datasets.mask_folder import mask_folder
from backend.bootstrap.export import ExportOrder, run_export
from backend.codecs.coco_rle import CocoCodec
from backend.domain.errors import InvalidInput
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, VideoInfo
from tests.unit.adapters.formats.builders import SIZE, propagated, rectangle, stored


def crowd(out: Path, count: int) -> Path:
    """A folder of `masklet propagate`: two frames, and on the first `count` objects, each of one pixel."""
    labels = {ObjectId(f"o{number}"): f"Ant {number}" for number in range(1, count + 1)}
    with mask_folder(out, CocoCodec()) as folder:
        for number, object_id in enumerate(labels):
            x, y = number % SIZE.width, number // SIZE.width
            folder.put(object_id, stored(0, rectangle(x, y, x + 1, y + 1)))
        info = VideoInfo(ContentHash("1" * 64), SIZE, 2, Fraction(25))
        folder.finish(info, labels, {"video": "ants.mp4", "model": "m", "prompts": {"digest": "d" * 64}})
    return out


@pytest.mark.parametrize(("format_name", "most"), [("davis", 254), ("mots", 999)])
def test_a_number_that_does_not_fit_is_an_error_and_nothing_is_written(
    tmp_path: Path, format_name: str, most: int
) -> None:
    other, ants, out = propagated(tmp_path / "a"), crowd(tmp_path / "b", most + 1), tmp_path / "out"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(
        InvalidInput, match=rf"ants numbers its objects up to {most + 1} \('Ant {most + 1}'\)"
    ) as refused:
        run_export(ExportOrder([str(other), str(ants)], format_name, out))
    assert sorted(tmp_path.iterdir()) == before
    named = re.findall(r"\b(sav|coco)\b", str(refused.value))
    assert len(named) == 2
    for instead in named:
        assert run_export(ExportOrder([str(ants)], instead, tmp_path / instead)).masks == most + 1


@pytest.mark.parametrize(("format_name", "most"), [("davis", 254), ("mots", 999)])
def test_the_highest_number_fits(tmp_path: Path, format_name: str, most: int) -> None:
    out = tmp_path / "out"
    assert run_export(ExportOrder([str(crowd(tmp_path / "ants", most))], format_name, out)).masks == most
