"""What the player reads of a label config: the labels with their colours, and where the media's address is.

A config of the player shows no control of Masklet: a hidden Video tag and labels on it are enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from backend.adapters.labelstudio.config.action_labels import action_of_label
from backend.adapters.labelstudio.config.label_config import (
    DATA_KEY,
    MAX_TAGS,
    ControlKind,
    parse_config,
    read_binding,
)
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.storage_addresses import media_address
from backend.application.player.task_view import LabelColor
from backend.domain.errors import LabelConfigError, MalformedRequest
from backend.domain.tasks import MediaRef

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LABELLING = frozenset(kind for kind in ControlKind if kind.endswith("labels") and kind is not ControlKind.TIMELINE)
PALETTE = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#f032e6", "#9a6324", "#808000", "#46c2f0")
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
SHORT_COLOR = re.compile(r"#[0-9a-fA-F]{3}")


@lru_cache(maxsize=64)
def labels_of(label_config: str) -> tuple[LabelColor, ...]:
    """The labels of all labelling controls, in the config's order, each once; without action labels.

    A colour that is not written in hexadecimal is replaced by one of a palette. Raises LabelConfigError.
    """
    colors: dict[str, str | None] = {}
    for tag in _labels(label_config):
        name = tag.get("alias") or tag.get("value")
        if name and action_of_label(name) is None:
            colors[name] = colors.get(name) or _hex(tag.get("background") or "")
    return tuple(
        LabelColor(name, color or PALETTE[position % len(PALETTE)])
        for position, (name, color) in enumerate(colors.items())
    )


def label_colors(label_config: str) -> dict[str, str]:
    """The labels' colours, #rrggbb, by label; empty for a config that Masklet cannot read."""
    try:
        return {label.name: label.color for label in labels_of(label_config)}
    except LabelConfigError:
        return {}


def player_media(data: Mapping[str, object], label_config: str, *, task_id: int) -> MediaRef:
    """The task's media. Raises LabelConfigError, or MalformedRequest naming the missing field of the task's data."""
    try:
        binding = read_binding(label_config)
    except LabelConfigError:
        return _first_video(data, label_config, task_id)
    return media_of_task({"data": data}, binding, task_id=task_id)


def _first_video(data: Mapping[str, object], label_config: str, task_id: int) -> MediaRef:
    """The media of a Video tag without controls. Raises as read_binding does for a config without one."""
    for tag in parse_config(label_config).iter("Video"):
        key = DATA_KEY.fullmatch((tag.get("value") or "").strip())
        if key is not None:
            address = data.get(key[1])
            if not isinstance(address, str) or not address.strip():
                raise MalformedRequest(f"the task's data.{key[1]} must be the video's address")
            return MediaRef((media_address(address.strip(), task_id),), is_pages=False)
    read_binding(label_config)
    raise LabelConfigError("the label config has no <Video> that takes its address from the task's data")


def _labels(label_config: str) -> Iterator[Element]:
    root = parse_config(label_config)
    if sum(1 for _ in root.iter()) > MAX_TAGS:
        raise LabelConfigError(f"the label config has more than {MAX_TAGS} tags")
    for control in root.iter():
        if isinstance(control.tag, str) and control.tag.lower() in LABELLING:
            yield from control.iter("Label")


def _hex(color: str) -> str | None:
    color = color.strip()
    if HEX_COLOR.fullmatch(color):
        return color.lower()
    if SHORT_COLOR.fullmatch(color):
        return "#" + "".join(2 * digit for digit in color[1:]).lower()
    return None
