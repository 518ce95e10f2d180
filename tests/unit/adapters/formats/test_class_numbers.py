"""Class numbers: from the label config in its order, or from a file; the objects of an export do not change them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from backend.adapters.formats.registry import WITH_CLASSES, FormatOptions, format_of
from backend.adapters.formats.shared.labels import KnownClasses
from backend.adapters.formats.shared.target import target_folder
from backend.adapters.labelstudio.writing.exported import ExportedRegions
from backend.adapters.store.datasets.labelled_folder import FolderSource
from backend.application.exports.export import Export
from backend.bootstrap.export import ExportOrder, run_export
from backend.domain.datasets import FormatName
from backend.domain.errors import InvalidInput
from backend.domain.geometry import BoolMask
from backend.domain.prompts import ObjectId
from tests.unit.adapters.formats.builders import DOG, LABELS, export, propagated, truth

BIG_DOG = LABELS[DOG]
CONFIG = KnownClasses.of_config(("Bird", "Car", BIG_DOG, "Cat"))
ONLY_DOG = {key: mask for key, mask in truth().items() if key[0] == DOG}

IN_ORDER = {"Bird": 1, "Car": 2, BIG_DOG: 3, "Cat": 4}
FROM_0 = {label: number - 1 for label, number in IN_ORDER.items()}
OF_MOTS = {"Car": 1, "Bird": 3, BIG_DOG: 4, "Cat": 5}
EXPECTED = {FormatName.YOLO: FROM_0, FormatName.YOLO_SEG: FROM_0, FormatName.MOTS: OF_MOTS}


def classes_of(out: Path, name: FormatName) -> dict[str, int]:
    """Label -> number, as the format's readers find them."""
    if name in (FormatName.YOLO, FormatName.YOLO_SEG):
        return {label: number for number, label in yaml.safe_load((out / "data.yaml").read_text())["names"].items()}
    if name in (FormatName.MOT, FormatName.MOTS):
        lines = next(out.rglob("labels.txt")).read_text().splitlines()
        return {label: number for number, label in enumerate(lines, 1) if label}
    document = json.loads((out / ("annotations.json" if name is FormatName.COCO else "instances.json")).read_text())
    return {category["name"]: category["id"] for category in document["categories"]}


def used_in(out: Path, name: FormatName) -> set[int]:
    """The numbers that objects have."""
    if name in (FormatName.YOLO, FormatName.YOLO_SEG):
        lines = [line for path in out.glob("labels/*/*.txt") for line in path.read_text().splitlines()]
        return {int(line.split()[0]) for line in lines}
    if name is FormatName.MOT:
        return {int(line.split(",")[7]) for line in next(out.rglob("gt.txt")).read_text().splitlines()}
    if name is FormatName.MOTS:
        return {int(line.split()[2]) for line in next(out.rglob("gt.txt")).read_text().splitlines()}
    document = json.loads((out / ("annotations.json" if name is FormatName.COCO else "instances.json")).read_text())
    return {annotation["category_id"] for annotation in document["annotations"]}


def exported(folder: Path, name: FormatName, masks: Mapping[tuple[ObjectId, int], BoolMask]) -> Path:
    source = propagated(folder / "source", masks=masks)
    options = FormatOptions(ExportedRegions(), classes=CONFIG)
    with target_folder(folder / "out") as target:
        Export(FolderSource([source]), format_of(name, options), lambda: 0.0, "1").run(target)
    return folder / "out"


@pytest.mark.parametrize("name", WITH_CLASSES)
def test_a_label_config_gives_the_same_numbers_before_and_after_more_work(tmp_path: Path, name: FormatName) -> None:
    expected = EXPECTED.get(name, IN_ORDER)
    early = exported(tmp_path / "early", name, ONLY_DOG)
    assert classes_of(early, name) == expected
    assert used_in(early, name) == {expected[BIG_DOG]}
    late = exported(tmp_path / "late", name, truth())
    assert classes_of(late, name) == expected
    assert used_in(late, name) == {expected[BIG_DOG], expected["Cat"]}
    assert json.loads((late / "manifest.json").read_text())["notes"]["class_order"] == "label config"


@pytest.mark.parametrize("name", WITH_CLASSES)
def test_an_earlier_manifest_pins_the_numbers(tmp_path: Path, name: FormatName) -> None:
    (tmp_path / "classes.txt").write_text(f"Car\n{BIG_DOG}\nBird\nCat\n")
    (tmp_path / "first").mkdir()
    first = export(tmp_path / "first", name, classes=tmp_path / "classes.txt")
    (tmp_path / "second").mkdir()
    second = export(tmp_path / "second", name, classes=first / "manifest.json", masks=ONLY_DOG)
    numbers = classes_of(first, name)
    assert set(numbers) == {"Car", BIG_DOG, "Bird", "Cat"}
    assert classes_of(second, name) == numbers
    assert used_in(second, name) == {numbers[BIG_DOG]}


def test_a_label_that_the_file_lacks_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("Cat\n")
    with pytest.raises(InvalidInput, match=r"classes.txt has 'Cat'; give --classes a file") as failed:
        export(tmp_path, "yolo", classes=tmp_path / "classes.txt")
    assert repr(BIG_DOG) in str(failed.value)
    assert not (tmp_path / "out").exists()


def test_a_format_without_class_numbers_refuses_the_option(tmp_path: Path) -> None:
    order = ExportOrder([str(tmp_path)], "davis", tmp_path / "out", classes=tmp_path / "classes.txt")
    with pytest.raises(InvalidInput, match="davis numbers no classes, .* coco, mot, mots, yolo-seg, yolo do"):
        run_export(order)


def test_person_and_pedestrian_are_two_classes_of_mots(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(f"Person\nPedestrian\n{BIG_DOG}\nCat\n")
    out = export(tmp_path, "mots", classes=tmp_path / "classes.txt")
    assert classes_of(out, FormatName.MOTS) == {"Person": 2, "Pedestrian": 3, BIG_DOG: 4, "Cat": 5}
