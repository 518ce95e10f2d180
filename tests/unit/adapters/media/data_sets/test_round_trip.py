"""Masklet's import reads what its export writes: the same labels, first frames, boxes and masks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from backend.adapters.formats.registry import FormatOptions, format_of
from backend.adapters.formats.shared.target import target_folder
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.exported_tasks import read_tasks
from backend.adapters.labelstudio.writing.exported import ExportedRegions
from backend.adapters.media.data_sets.layouts import read_objects
from backend.application.exports.export import Export
from backend.application.exports.naming import safe_name
from backend.application.imports.prompts import FoundObject
from backend.application.ports.datasets import DatasetEntry, ManifestEntry
from backend.codecs.coco_rle import encode_mask
from backend.domain.datasets import DatasetFrame, DatasetObject, FormatName, LabelledMask
from backend.domain.geometry import BoolMask, Box, FrameSize
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

SIZE = FrameSize(23, 17)
LABELS = ("Cat", 'Dog, "big"', "person", "Person", "car", "no", "007", "Vögel №2: x # y", "class 3", "names: [a]")
NAMES = ("clip", "my clip", "a_1", "12", "Übung (2)", "x.y")
OTHER = "other"

SAV_JSON = "sav without pictures"
TASKS = "labelstudio"

FILES = {
    "davis": "",
    "sav": "",
    SAV_JSON: "",
    "mots": "",
    "yolo-seg": "",
    "coco-rle": "",
    TASKS: "tasks.json",
    "youtubevis": "instances.json",
    "mot": "",
    "yolo": "",
    "coco": "annotations.json",
    "boxes-csv": "boxes.csv",
}
"""Export format, which is also the name of its prompts -> what is read of the export; empty: the folder."""

WITH_MASKS = ("davis", "sav", SAV_JSON, "mots", "coco-rle", TASKS, "youtubevis", "coco")
OF_BOXES = ("mot", "yolo", "coco", "boxes-csv")
ON_TOP = ("davis", "mots")
"""Formats with the smaller object on top."""

WITHOUT_TRACKS = ("yolo", "yolo-seg")
"""Formats of which the first labelled frame is read: nothing says which boxes are of one object."""

Shapes = tuple[BoolMask | Box | None, ...]
"""A masklet: what an object has on each frame."""


@dataclass(frozen=True)
class Case:
    name: str
    objects: tuple[tuple[str, Shapes], ...]
    """Labels and masklets."""


@dataclass
class MemoryVideo:
    case: Case
    provenance: ManifestEntry = field(default_factory=dict)
    not_exported: Mapping[str, int] = field(default_factory=dict)
    verdicts: None = None
    task: None = None

    @property
    def info(self) -> VideoInfo:
        return VideoInfo(ContentHash("0" * 64), SIZE, len(self.case.objects[0][1]), Fraction(25))

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        listed = enumerate(self.case.objects, 1)
        return tuple(DatasetObject(number, ObjectId(f"object {number}"), label) for number, (label, _) in listed)

    def frames(self) -> Iterator[DatasetFrame]:
        for index in range(self.info.frame_count):
            shapes = [shapes[index] for _, shapes in self.case.objects]
            masks = zip(self.objects, shapes, strict=True)
            yield DatasetFrame(FrameIndex(index), tuple(labelled(item, shape) for item, shape in masks))

    def pictures(self) -> None:
        return None


def labelled(item: DatasetObject, shape: BoolMask | Box | None) -> LabelledMask:
    mask = encode_mask(shape) if isinstance(shape, np.ndarray) else None
    return LabelledMask(item, mask, shape if isinstance(shape, Box) else None, MaskOrigin.HUMAN, 0.0, True)


@dataclass
class MemorySource:
    """The case's video beside another one."""

    case: Case
    record: ManifestEntry = field(default_factory=dict)

    def entries(self) -> Sequence[DatasetEntry]:
        return [DatasetEntry("1", OTHER), DatasetEntry("2", self.case.name)]

    def labels(self) -> Sequence[str]:
        return LABELS

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[MemoryVideo]:
        full = np.ones((SIZE.height, SIZE.width), np.bool_)
        shape = Box(0, 0, 1, 1) if isinstance(self.case.objects[0][1][0], Box) else full
        yield MemoryVideo(self.case if entry.key == "2" else Case(OTHER, (("Cat", (shape,)),)))


def rectangles() -> st.SearchStrategy[tuple[int, int, int, int]]:
    """x0, y0, x1, y1 in pixels, with an area."""
    return st.tuples(
        st.integers(0, SIZE.width - 1), st.integers(0, SIZE.height - 1), st.integers(1, 12), st.integers(1, 9)
    ).map(lambda r: (r[0], r[1], min(r[0] + r[2], SIZE.width), min(r[1] + r[3], SIZE.height)))


def of_rectangles(parts: Sequence[tuple[int, int, int, int]]) -> BoolMask:
    mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
    for x0, y0, x1, y1 in parts:
        mask[y0:y1, x0:x1] ^= True
    return mask


MASKS = st.one_of(
    st.lists(rectangles(), min_size=1, max_size=3).map(of_rectangles),
    st_numpy.arrays(np.bool_, (SIZE.height, SIZE.width)),
).filter(lambda mask: bool(mask.any()))
BOXES = rectangles().map(lambda r: Box(r[0] / SIZE.width, r[1] / SIZE.height, r[2] / SIZE.width, r[3] / SIZE.height))


@st.composite
def cases(draw: st.DrawFn, shapes: st.SearchStrategy[BoolMask | Box]) -> Case:
    frames = draw(st.integers(1, 4))
    masklets = st.lists(st.one_of(st.none(), shapes), min_size=frames, max_size=frames).map(tuple)
    objects = draw(st.lists(st.tuples(st.sampled_from(LABELS), masklets), min_size=1, max_size=4))
    return Case(draw(st.sampled_from(NAMES)), tuple(objects))


def shown_on(case: Case, index: int, *, on_top: bool) -> list[tuple[str, BoolMask | Box] | None]:
    """Each object's label and shape on a frame; None where it is not to be seen."""
    shapes = [shapes[index] for _, shapes in case.objects]
    if on_top:
        masks = {at: shape for at, shape in enumerate(shapes) if isinstance(shape, np.ndarray)}
        for at in masks:
            above = [o for o in masks if (masks[o].sum(), o) < (masks[at].sum(), at)]
            left = masks[at] & ~np.logical_or.reduce([masks[o] for o in above], initial=False)
            shapes[at] = left if left.any() else None
    return [None if shape is None else (case.objects[at][0], shape) for at, shape in enumerate(shapes)]


Found = tuple[str, int, tuple[float, ...], bytes]
"""Label, frame, box in pixels, mask."""


def described(label: str, frame: int, shape: BoolMask | Box, *, masks: bool) -> Found:
    if isinstance(shape, Box):
        return label, frame, tuple(round(side, 2) for side in shape.to_px(SIZE)), b""
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return label, frame, box, shape.tobytes() if masks else b""


def expected(case: Case, name: str) -> list[Found]:
    frames = range(len(case.objects[0][1]))
    seen = {index: shown_on(case, index, on_top=name in ON_TOP) for index in frames}
    found: dict[int, Found] = {}
    for index, objects in seen.items():
        if name in WITHOUT_TRACKS and found:
            break
        for at, shown in enumerate(objects):
            if shown is not None and at not in found:
                found[at] = described(*(shown[0], index, shown[1]), masks=name in WITH_MASKS)
    return sorted(found.values())


def read_back(case: Case, name: str) -> Sequence[FoundObject]:
    with tempfile.TemporaryDirectory() as folder:
        out, kind = Path(folder) / "out", name.split()[0]
        with target_folder(out) as target:
            Export(MemorySource(case), format_of(kind, FormatOptions(ExportedRegions())), lambda: 0.0, "1").run(target)
        if name == SAV_JSON:
            shutil.rmtree(out / "Annotations")
        names = (case.name, safe_name(case.name))
        if name == TASKS:
            binding = read_binding((out / "label_config.xml").read_text())
            return read_tasks(out / FILES[name], names, binding, lambda: None).objects
        return read_objects(kind, out / FILES[name], names, SIZE, is_alone=False)


def check(case: Case, name: str) -> None:
    wanted = expected(case, name)
    if not wanted:
        return  # no object is to be seen: the import says so, see test_readers
    found = []
    for each in read_back(case, name):
        shape = each.box if each.mask is None else each.mask
        assert shape is not None
        found.append(described(each.label, each.frame, shape, masks=name in WITH_MASKS))
    assert sorted(found) == wanted


def test_every_format_is_read_back_but_films() -> None:
    assert {name.split()[0] for name in FILES} == set(FormatName) - {FormatName.OVERLAY, FormatName.GREENSCREEN}


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(MASKS))
def test_masks_are_read_back(name: str, case: Case) -> None:
    check(case, name)


@pytest.mark.parametrize("name", OF_BOXES)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(BOXES))
def test_boxes_are_read_back(name: str, case: Case) -> None:
    check(case, name)
