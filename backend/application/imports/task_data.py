"""The data of an imported task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.application.imports.model import ImportMode, Plan, TaskDraft
from backend.application.imports.task_fields import put_field
from backend.domain.selection import range_text


def task_data(draft: TaskDraft, plan: Plan, addresses: Sequence[str], auto: Mapping[str, float]) -> dict[str, object]:
    """A task's data: the addresses of its media, and under `masklet` their source.

    masklet.start and stop are frame numbers of the source, stop excluded; frames lists them where some are left out.
    Data keys of players beside the video get the video, too: Label Studio creates no task without them.
    """
    medium = draft.medium
    numbers = [medium.number_of(index) for index in draft.frames]
    facts: dict[str, object] = {
        "key": draft.key,
        "media": medium.media_id,
        "video": medium.name,
        "start": numbers[0],
        "stop": numbers[-1] + 1,
        "fps": float(medium.frame_rate),
        "segment": draft.number + 1,
        "segments": draft.count,
        "width": medium.size.width,
        "height": medium.size.height,
    }
    if numbers != list(range(numbers[0], numbers[-1] + 1)):
        facts["frames"] = range_text(numbers)
    if auto:
        facts["auto"] = dict(auto)
    value: object = list(addresses) if plan.mode is ImportMode.PAGES else addresses[0]
    data: dict[str, object] = {}
    for name, given in plan.fields.joined(draft.extra).items():
        put_field(data, name, given)
    data |= {"clip": draft.name, "fps": float(medium.frame_rate), "masklet": facts}
    for key in (plan.value_key, *plan.beside):
        put_field(data, key, value)
    return data
