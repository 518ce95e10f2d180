"""Regions that Masklet wrote into an annotation: how they are marked, recognised and replaced.

A region's `meta.masklet` names its object and the stored run with its masks. Label Studio's page keeps `meta` as it is.
A digest of boxes and labels shows whether a person changed the region since: then it is the person's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from backend.adapters.labelstudio.wire import Region
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskDigests

KEY = "masklet"
DECIMALS = 2
"""Decimals of percent that are compared."""

UNTOUCHED = "prediction"
"""The origin of a region that came from a prediction and was not changed."""

CHANGED = "prediction-changed"
"""The origin of a region that came from a prediction and that a person changed."""

Item = dict[str, object]


@dataclass(frozen=True, slots=True)
class MaskReference:
    """What `meta.masklet` says. run: of the mask store. model: the model version. digest: of the region as written.

    masks, all_masks: the digests with which verdicts on the object and on the whole task are compared; empty in regions
    of an earlier version.
    """

    object_id: ObjectId
    run: str
    model: str
    digest: str
    masks: str = ""
    all_masks: str = ""


def reference_of(item: object) -> MaskReference | None:
    """The reference of a region of a result; None for a region that Masklet did not write."""
    texts = _texts(item, "object", "run", "model", "digest")
    if texts is None:
        return None
    object_id, run, model, digest = texts
    masks, all_masks = _texts(item, "masks", "all_masks") or ("", "")
    return MaskReference(ObjectId(object_id), run, model, digest, masks, all_masks)


def instance_meta(object_id: ObjectId) -> dict[str, object]:
    """The `meta` of a region whose object is one of several with its label."""
    return {KEY: {"object": str(object_id)}}


def instance_of(item: object) -> ObjectId | None:
    """The object that a region's `meta` names; None if it names none."""
    texts = _texts(item, "object")
    return None if texts is None else ObjectId(texts[0])


def _texts(item: object, *names: str) -> list[str] | None:
    """Fields of a region's `meta.masklet`; None unless all are there, of 1 to 200 characters."""
    meta = item.get("meta") if isinstance(item, dict) else None
    fields = meta.get(KEY) if isinstance(meta, dict) else None
    values = [fields.get(name) for name in names] if isinstance(fields, dict) else [None]
    return cast(list[str], values) if all(isinstance(each, str) and 0 < len(each) <= 200 for each in values) else None


def marked(region: Region, *, object_id: ObjectId, run: str, model: str, masks: MaskDigests) -> Item:
    """The region with its reference. masks: of the task; of_subject is empty for masks that are not known."""
    fields = {"object": str(object_id), "run": run, "model": model, "digest": digest_of(region)}
    judged = {"masks": masks.of_subject(object_id), "all_masks": masks.task}
    return {**region, "meta": {KEY: {**fields, **(judged if all(judged.values()) else {})}}}


def is_unchanged(item: object, reference: MaskReference) -> bool:
    """Whether the region has the boxes and labels with which it was written."""
    return isinstance(item, dict) and digest_of(item) == reference.digest


def unmarked(item: Item, object_id: ObjectId) -> Item:
    """The region as a plain one of this object."""
    return {**{name: value for name, value in item.items() if name != "meta"}, "id": str(object_id)}


def is_from_prediction(item: object) -> bool:
    """Whether Label Studio copied the region from a prediction; a person may have changed it since."""
    return isinstance(item, dict) and item.get("origin") in (UNTOUCHED, CHANGED)


def replaced(result: Sequence[object], own: Sequence[Item]) -> list[object] | None:
    """The result with these regions in place of the earlier ones; None if it has them already.

    A region that Label Studio copied from a prediction is replaced too, unless a person changed it. All others stay, in
    their order, and so do earlier regions that a person changed. Their objects are not written again.
    """
    objects = {object_id for region in own for object_id in _objects_of(region)}
    kept = [item for item in result if not _is_own(item) and not _is_copy(item, objects)]
    taken = {object_id for item in kept for object_id in _objects_of(item)}
    added = [region for region in own if taken.isdisjoint(_objects_of(region))]
    has_copies = any(_is_copy(item, objects) for item in result)
    before = {reference for item in result if _is_own(item) and (reference := reference_of(item))}
    after = {reference for region in added if (reference := reference_of(region))}
    return None if before == after and not has_copies else [*kept, *added]


def _is_own(item: object) -> bool:
    reference = reference_of(item)
    return reference is not None and is_unchanged(item, reference)


def _is_copy(item: object, objects: Collection[str]) -> bool:
    """Whether the region is a prediction's of one of these objects, as it was."""
    if not isinstance(item, dict) or reference_of(item) is not None:
        return False
    return item.get("origin") == UNTOUCHED and item.get("id") in objects


def _objects_of(item: object) -> Iterator[str]:
    """The object of a region: its reference's, or its own id."""
    reference = reference_of(item)
    if reference is not None:
        yield str(reference.object_id)
    elif isinstance(item, dict) and isinstance(item.get("id"), str):
        yield str(item["id"])


def digest_of(region: Mapping[str, object]) -> str:
    """The digest of a region's boxes and labels. Boxes that differ by rounding have equal digests."""
    value = region.get("value")
    fields = value if isinstance(value, dict) else {}
    sequence = fields.get("sequence")
    keyframes = [_keyframe(entry) for entry in (sequence if isinstance(sequence, list) else [])]
    body = json.dumps([fields.get("labels"), keyframes], separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _keyframe(entry: object) -> list[object]:
    """Frame, whether the box is visible afterwards, and the box."""
    if not isinstance(entry, dict):
        return []
    sides = (entry.get(name) for name in ("x", "y", "width", "height"))
    box = [round(float(side), DECIMALS) if isinstance(side, int | float) else None for side in sides]
    return [entry.get("frame"), entry.get("enabled", True), *box]
