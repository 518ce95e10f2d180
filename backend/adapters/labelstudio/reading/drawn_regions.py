"""The regions of an annotation for exports and prompts: everything that a person drew, as the page saves it.

Results with one id are one region: the page saves one for each control that labels it. Its labels are those of all its
results, in their order; a region with several is an object of each. A region without one has the label UNLABELLED. A
label counts even if the label config lacks it, because the task's data may name labels. Ellipses and closed vectors are
read as polygons. Keypoints are read for prompts only. What is not read is counted by kind.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.reading.fields import Json, as_list, as_number, as_object, as_text
from backend.adapters.labelstudio.reading.regions import MAX_REGIONS, MAX_SIDE_PX, VIDEO_KINDS, ReadRegion, is_empty
from backend.adapters.labelstudio.written_regions import reference_of
from backend.domain.errors import PromptError, TooLarge

UNLABELLED = "unlabelled"
"""The label of regions without one."""

SHAPES: Mapping[str, ControlKind] = {
    **dict.fromkeys(("rectanglelabels", "rectangle"), ControlKind.RECTANGLE),
    **dict.fromkeys(("polygonlabels", "polygon"), ControlKind.POLYGON),
    **dict.fromkeys(("ellipselabels", "ellipse", "vectorlabels", "vector"), ControlKind.POLYGON),
    **dict.fromkeys(("brushlabels", "brush", "magicwand"), ControlKind.BRUSH),
    **dict.fromkeys(("bitmasklabels", "bitmask"), ControlKind.BITMASK),
    **{kind.value: kind for kind in VIDEO_KINDS},
}
"""Label Studio's types of results with a shape that is exported, and the kind that it is read as."""

KEYPOINTS = frozenset(("keypointlabels", "keypoint"))
READ_AS: Mapping[str, ControlKind] = {**SHAPES, **dict.fromkeys(KEYPOINTS, ControlKind.KEYPOINT)}
TIME_RANGE = "time range"
LEFT_OUT = {"timelinelabels": TIME_RANGE, **dict.fromkeys(KEYPOINTS, "keypoint")}
"""Drawn results without a shape that formats can hold, and their names for people."""

SECOND_SHAPE = "second shape with a region's id"

FIELDS: Mapping[str, tuple[str, ...]] = {
    "rectangle": ("height",),
    "polygon": ("points",),
    "ellipse": ("radiusX",),
    "vector": ("vertices",),
    "brush": ("rle", "touches"),
    "magicwand": ("rle",),
    "bitmask": ("imageDataURL",),
    "videorectangle": ("sequence",),
    "videovector": ("sequence",),
}
"""Fields of the value by type, without the suffix "labels"; a shape has one of them."""

BY_FIELDS = ("brush", "bitmask", "ellipse", "vector", "polygon", "rectangle")
"""Types that a value's fields tell apart, where the result's own type does not: no control of the shape's kind labels
it."""

LABELLING = frozenset((*SHAPES, *LEFT_OUT, "labels"))
"""Types whose labels are a region's."""

NOT_DRAWN = frozenset(
    ("labels", "choices", "textarea", "rating", "number", "datetime", "taxonomy", "pairwise", "ranker", "relation")
)
ELLIPSE_CORNERS = 360
FEWEST_CORNERS = 3


@dataclass(slots=True)
class DrawnRegions:
    """regions: one for each label of a region. left_out: counts of what is not among them, by kind."""

    regions: list[ReadRegion] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def drawn_regions(result: object, binding: Binding, *, where: str, keypoints: bool = False) -> DrawnRegions:
    """The drawn regions of a `result`, in order. keypoints: whether they are read too.

    Raises MalformedRequest, PromptError or TooLarge naming the field.
    """
    items = as_list(result, where)
    if len(items) > MAX_REGIONS:
        raise TooLarge(f"{where} has {len(items)} regions; the most that is read is {MAX_REGIONS}")
    drawn = DrawnRegions()
    for group in _by_id(items, where).values():
        _read(group, binding, drawn, keypoints=keypoints)
    return drawn


def _by_id(items: Sequence[object], where: str) -> dict[str, list[tuple[str, Json]]]:
    """The results with their paths by the id of their region; each result without an id for itself."""
    groups: dict[str, list[tuple[str, Json]]] = {}
    for position, entry in enumerate(items):
        path = f"{where}[{position}]"
        item = as_object(entry, path)
        region_id = item.get("id")
        groups.setdefault(region_id if isinstance(region_id, str) else path, []).append((path, item))
    return groups


def _read(group: Sequence[tuple[str, Json]], binding: Binding, drawn: DrawnRegions, *, keypoints: bool) -> None:
    """Reads the results of one region."""
    labels = list(dict.fromkeys(label for path, item in group for label in _labels(item, path)))
    objects = [label for label in labels if label not in binding.actions]
    if labels and not objects:
        return  # an action label alone
    shape = _shape(group, keypoints=keypoints)
    if shape is None:
        drawn.left_out.update(kind for _, item in group[:1] if (kind := _kind_left_out(item)) is not None)
        return
    path, item, drawn_as = shape
    if reference_of(item) is not None:
        return
    if item.get("to_name", binding.to_name) != binding.to_name:
        drawn.left_out["region of another tag"] += 1
        return
    value = as_object(item.get("value"), f"{path}.value")
    outline = value if drawn_as in KEYPOINTS else _outline(drawn_as, value, item, path)
    if isinstance(outline, str):
        drawn.left_out[outline] += 1
        return
    drawn.left_out[SECOND_SHAPE] += sum(_is_another(other, item) for _, other in group)
    region_id = as_text(item.get("id"), f"{path}.id", longest=200)
    for number, label in enumerate(objects or [UNLABELLED], 1):
        same = region_id if number == 1 else f"{region_id} #{number}"
        fields = item if number == 1 else {name: each for name, each in item.items() if name != "meta"}
        drawn.regions.append(ReadRegion(path, same, READ_AS[drawn_as], label, fields, outline))


def _shape(group: Sequence[tuple[str, Json]], *, keypoints: bool) -> tuple[str, Json, str] | None:
    """The path, the result and the type of a region's shape; None without one that is read.

    Each result has the fields of the drawn shape, whatever the kind of its own control.
    """
    typed = [(path, item, kind) for path, item in group if (kind := _type_of(item)) in SHAPES]
    fitting = [each for each in typed if _has_fields_of(each[2].removesuffix("labels"), each[1])]
    labelling = [(path, item) for path, item in group if _type_of(item) in LABELLING]
    by_fields = [(path, item, kind) for path, item in labelling for kind in BY_FIELDS if _has_fields_of(kind, item)]
    points = [(path, item, kind) for path, item in group if keypoints and (kind := _type_of(item)) in KEYPOINTS]
    placed = [each for each in points if not is_empty(as_object(each[1].get("value"), f"{each[0]}.value"))]
    return next(iter((*fitting, *by_fields, *placed, *typed)), None)


def _type_of(item: Json) -> str:
    """Label Studio's type of a result; empty without one."""
    kind = item.get("type")
    return kind if isinstance(kind, str) else ""


def _has_fields_of(kind: str, item: Json) -> bool:
    """Whether the value has what a shape of this type, without the suffix "labels", has."""
    value = item.get("value")
    return isinstance(value, Mapping) and any(name in value for name in FIELDS[kind])


def _is_another(other: Json, item: Json) -> bool:
    """Whether a result of the same id has a shape of its own: the page does not save that, scripts do."""
    if other is item or _type_of(other) not in LABELLING or not any(_has_fields_of(kind, other) for kind in FIELDS):
        return False
    return other.get("item_index") != item.get("item_index") or _geometry(other) != _geometry(item)


def _geometry(item: Json) -> Json:
    """The value without labels."""
    value = as_object(item.get("value"), "value")
    return {name: each for name, each in value.items() if name not in LABELLING}


def _labels(item: Json, where: str) -> Iterator[str]:
    """The labels that a result gives its region."""
    kind, value = _type_of(item), item.get("value")
    if kind not in LABELLING or not isinstance(value, Mapping) or (kind in KEYPOINTS and is_empty(value)):
        return  # the page adds a keypoint without a place to accepted masks, with any label that is selected
    for name in dict.fromkeys((kind, "labels")):
        listed = value.get(name)
        for position, label in enumerate(listed if isinstance(listed, list) else ()):
            yield as_text(label, f"{where}.value.{name}[{position}]")


def _kind_left_out(item: Json) -> str | None:
    """The name of a result that is not exported; None for what nobody drew."""
    kind, value = _type_of(item), item.get("value")
    if not kind or kind in NOT_DRAWN or not isinstance(value, Mapping):
        return None
    return None if kind in KEYPOINTS and is_empty(value) else LEFT_OUT.get(kind, kind[:40])


def _outline(kind: str, value: Json, item: Json, where: str) -> Json | str:
    """The value of the shape, as a polygon's for ellipses and vectors; why it is left out, as a text."""
    if kind in ("ellipse", "ellipselabels"):
        return {"points": _ellipse(value, item, f"{where}.value")}
    if kind in ("vector", "vectorlabels"):
        if not value.get("closed"):
            return "open vector"
        corners = [as_object(c, f"{where}.value.vertices") for c in as_list(value.get("vertices"), f"{where}.value")]
        value = {"points": [[corner.get("x"), corner.get("y")] for corner in corners]}
    points = value.get("points")
    if SHAPES[kind] is ControlKind.POLYGON and isinstance(points, list) and len(points) < FEWEST_CORNERS:
        return "outline of fewer than three points"
    return value


def _ellipse(value: Json, item: Json, where: str) -> list[list[float]]:
    """Corners of an ellipse in percent of the frame.

    value: x, y of the centre and radiusX, radiusY in percent, rotation in degrees, clockwise, in pixels' space.
    """
    names = ("x", "y", "radiusX", "radiusY")
    x, y, radius_x, radius_y = (as_number(value.get(name), f"{where}.{name}") for name in names)
    turn = math.radians(as_number(value.get("rotation") or 0, f"{where}.rotation"))
    sides = [as_number(item.get(name), f"{where}.{name}") for name in ("original_width", "original_height")]
    if not all(1 <= side <= MAX_SIDE_PX for side in sides):
        raise PromptError(f"{where}: an ellipse needs original_width and original_height, got {sides}")
    width, height = sides
    corners = []
    for step in range(ELLIPSE_CORNERS):
        angle = 2 * math.pi * step / ELLIPSE_CORNERS
        along, across = radius_x * width * math.cos(angle), radius_y * height * math.sin(angle)  # percent of pixels
        right, down = along * math.cos(turn) - across * math.sin(turn), along * math.sin(turn) + across * math.cos(turn)
        corners.append([x + right / width, y + down / height])
    return corners
