"""Drafts: the current user's unsaved regions, which Label Studio sends with a task, saved a few seconds late.

A draft names its user and holds accepted masks, Masklet's among them. A request says nothing else about the page: no
user before the first draft is saved, and not whether Auto-Accept is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.fields import Json, wall_clock_s
from backend.adapters.labelstudio.reading.regions import VIDEO_KINDS
from backend.adapters.labelstudio.written_regions import instance_of
from backend.application.annotation.prompt_ownership import ObjectFrameKey
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex

KINDS = frozenset(kind.value for kind in VIDEO_KINDS)


@dataclass(frozen=True, slots=True)
class Draft:
    """The current user's newest draft. result: its regions, unread; empty without a draft.

    name: its number in Label Studio; empty without a draft. saved_s: when it was saved, on Label Studio's clock, in
    seconds since 1970; None if that is not known.
    """

    result: list[object]
    name: str = ""
    saved_s: float | None = None


def newest_draft(task: Json) -> Draft:
    """The draft saved last; Label Studio sends the current user's drafts only."""
    drafts = task.get("drafts")
    kept = [draft for draft in drafts if isinstance(draft, Mapping)] if isinstance(drafts, list) else []
    newest = max(kept, key=lambda draft: str(draft.get("updated_at") or ""), default={})
    result = newest.get("result")
    name = f"draft {newest.get('id')}" if kept else ""
    return Draft(result if isinstance(result, list) else [], name, wall_clock_s(newest.get("updated_at")))


def shows_prediction(task: Json, model_version: str) -> bool:
    """Whether the task has a prediction of this model version with regions, which the page shows when opened."""
    predictions = task.get("predictions")
    return any(
        isinstance(entry, Mapping) and entry.get("model_version") == model_version and bool(entry.get("result"))
        for entry in (predictions if isinstance(predictions, list) else [])
    )


def drawn_object_frames(draft: Draft, binding: Binding) -> frozenset[ObjectFrameKey]:
    """The objects of a draft's regions with their 0-based pages; None in place of the page for a video."""
    return frozenset(key for region in draft.result for key in object_frames_of(region, binding))


def object_frames_of(region: object, binding: Binding) -> tuple[ObjectFrameKey, ...]:
    """The objects of a result and its 0-based page (None for a video), one for each label; empty without a mask."""
    if not isinstance(region, Mapping) or not isinstance(value := region.get("value"), Mapping):
        return ()
    if binding.is_video:
        is_object = region.get("type") in KINDS and isinstance(region.get("id"), str)
        return ((ObjectId(str(region["id"])), None),) if is_object else ()
    labels, page = value.get(str(region.get("type"))), region.get("item_index") or 0
    if not isinstance(labels, list) or type(page) is not int:
        return ()
    if not any(name in value for name in ("rle", "touches", "imageDataURL", "points")):
        return ()
    own = instance_of(region)
    names = [own if own is not None and number == 0 else ObjectId(str(label)) for number, label in enumerate(labels)]
    return tuple((name, FrameIndex(page)) for name in names)
