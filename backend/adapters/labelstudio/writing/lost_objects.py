"""A prediction's result without some of its objects from a frame on, as if a tracker had lost them: for gold copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backend.adapters.labelstudio.written_regions import instance_of
from backend.domain.crowd.gold import lost_from

Item = dict[str, object]


def with_lost_objects(result: list[Item], identity: str, frame_count: int, share: float) -> list[Item]:
    """identity: of the copy; it chooses objects and frames. frame_count: of the task's media. share: of the objects.

    On pages an object is the regions of its label, or of the object that their `meta` names. In a video it is a region,
    whose keyframes end. A frame of a video counts by the numbers of Label Studio's page.
    """
    kept = []
    for item in result:
        start = lost_from(f"{identity}\0{_object_of(item)}", frame_count, share=share)
        kept += [item] if start is None else list(_until(item, start, frame_count))
    return kept


def _object_of(item: Item) -> str:
    named = instance_of(item)
    if named is not None:
        return str(named)
    value = item.get("value")
    fields = value if isinstance(value, Mapping) else {}
    if "sequence" in fields:
        return str(item.get("id"))
    return str(next((fields[name] for name in sorted(fields) if name.endswith("labels")), item.get("id")))


def _until(item: Item, start: int, frame_count: int) -> Iterator[Item]:
    """The region as far as it is before a frame; nothing if it begins later. start: 0-based."""
    value = item.get("value")
    if not isinstance(value, Mapping) or not isinstance(value.get("sequence"), list):
        page = item.get("item_index")
        if not isinstance(page, int) or page < start:
            yield item
        return
    count = value.get("framesCount")
    last = start * (count if isinstance(count, int) else frame_count) // max(frame_count, 1)
    keyframes = [each for each in value["sequence"] if isinstance(each, Mapping) and _number(each) <= last]
    if keyframes:
        ending = {**keyframes[-1], "enabled": False}
        yield {**item, "value": {**value, "sequence": [*keyframes[:-1], ending]}}


def _number(keyframe: Mapping[str, object]) -> int:
    number = keyframe.get("frame")
    return number if isinstance(number, int) else 0
