"""Regions of a Label Studio result: the fields that all kinds share, checked.

Skips relations, results of other controls, regions that Masklet wrote from the player, and the second result that
Label Studio adds to an accepted region if labels stay selected (a keypoint without coordinates), and a keypoint with a
height, which is the second label of a box. An invalid region is refused with the field, the value and the choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.reading.fields import Json, as_list, as_object, as_text, as_whole
from backend.adapters.labelstudio.written_regions import instance_of, reference_of
from backend.domain.errors import MalformedRequest, PromptError, TooLarge
from backend.domain.geometry import FrameSize
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex

MAX_REGIONS = 50_000
MAX_FRAMES = 10_000_000
MAX_SIDE_PX = 65_535

VIDEO_KINDS = frozenset((ControlKind.VIDEO_RECTANGLE, ControlKind.VIDEO_VECTOR, ControlKind.VIDEO_VECTOR_LABELS))
SHAPES = VIDEO_KINDS | {
    ControlKind.KEYPOINT,
    ControlKind.RECTANGLE,
    ControlKind.BRUSH,
    ControlKind.BITMASK,
    ControlKind.POLYGON,
}


@dataclass(frozen=True, slots=True)
class ReadRegion:
    """A region that Masklet reads. where: its path in the body, for messages. label: empty without one."""

    where: str
    region_id: str
    kind: ControlKind
    label: str
    item: Json
    value: Json

    @property
    def page(self) -> FrameIndex:
        """The 0-based page of an image's region."""
        index = self.item.get("item_index")
        return FrameIndex(0 if index is None else as_whole(index, f"{self.where}.item_index", least=0, most=MAX_FRAMES))

    @property
    def object_id(self) -> ObjectId:
        """The region id in a video. On pages the label, so all regions of a label are one object, except those that
        Masklet marked as one of several objects with that label."""
        if self.kind in VIDEO_KINDS:
            return ObjectId(self.region_id)
        return instance_of(self.item) or ObjectId(self.label)

    @property
    def size(self) -> FrameSize:
        """original_width and original_height, pixels. Raises PromptError or MalformedRequest without them."""
        side = {"least": 1, "most": MAX_SIDE_PX}
        return FrameSize(
            as_whole(self.item.get("original_width"), f"{self.where}.original_width", **side),
            as_whole(self.item.get("original_height"), f"{self.where}.original_height", **side),
        )


def read_regions(result: object, binding: Binding, *, where: str) -> list[ReadRegion]:
    """The regions of a `result` that Masklet reads, in order.

    The page saves a result for each control that labels a region: of several results of one shape that of the control
    which the config has first counts.
    Raises MalformedRequest, PromptError or TooLarge; MalformedRequest if two regions share an id.
    """
    items = as_list(result, where)
    if len(items) > MAX_REGIONS:
        raise TooLarge(f"{where} has {len(items)} regions; the most that is read is {MAX_REGIONS}")
    regions: dict[str, ReadRegion] = {}
    rank = {control.name: position for position, control in enumerate(binding.controls)}
    for region in _read(items, binding, where):
        other = regions.setdefault(region.region_id, region)
        if other is not region and (other.page, _geometry(other)) != (region.page, _geometry(region)):
            raise MalformedRequest(f"{region.where}.id: {region.region_id!r} is the id of two regions")
        if rank[str(region.item["from_name"])] < rank[str(other.item["from_name"])]:
            regions[region.region_id] = region
    return list(regions.values())


def _geometry(region: ReadRegion) -> Json:
    """The value without labels."""
    labels = ("labels", *(kind.value for kind in SHAPES))
    return {name: each for name, each in region.value.items() if name not in labels}


def _read(items: Sequence[object], binding: Binding, where: str) -> Iterator[ReadRegion]:
    names = {control.name for control in binding.controls}
    for position, entry in enumerate(items):
        path = f"{where}[{position}]"
        item = as_object(entry, path)
        kind = _shape(item)
        if kind is None or reference_of(item) is not None:
            continue
        value = as_object(item.get("value"), f"{path}.value")
        if kind is ControlKind.KEYPOINT and (is_empty(value) or "height" in value):
            continue
        name = as_text(item.get("from_name"), f"{path}.from_name")
        if name not in names:
            raise MalformedRequest(
                f"{path}.from_name: the label config has no control tag {name!r}; it has {_or(names)}"
            )
        region_id = as_text(item.get("id"), f"{path}.id", longest=200)
        yield ReadRegion(path, region_id, kind, _label(value, kind, binding, path), item, value)


def is_empty(value: Json) -> bool:
    """Whether a keypoint has no coordinates, as the second result of an accepted region."""
    return "x" not in value and "y" not in value


def _shape(item: Json) -> ControlKind | None:
    kind = item.get("type")
    return ControlKind(kind) if isinstance(kind, str) and kind in SHAPES else None


def _label(value: Json, kind: ControlKind, binding: Binding, where: str) -> str:
    field = kind.value if kind.value in value else "labels"
    labels = as_list(value.get(field, []), f"{where}.value.{field}")
    if not labels and (kind in VIDEO_KINDS or not binding.labels):
        return ""
    if len(labels) != 1:
        raise PromptError(f"{where} has {len(labels)} labels; give it exactly one of {_or(binding.labels)}")
    label = as_text(labels[0], f"{where}.value.{field}[0]")
    if label not in binding.labels and label not in binding.actions:
        raise PromptError(f"{where}: the label {label!r} is not in the label config; it has {_or(binding.labels)}")
    return label


def _or(names: Sequence[str] | set[str]) -> str:
    shown = [repr(name) for name in sorted(names)][:10]
    return ", ".join(shown) + (" and more" if len(names) > len(shown) else "") if shown else "none"
