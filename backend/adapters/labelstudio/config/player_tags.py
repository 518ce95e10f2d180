"""Writes the player into a label config that has other tags, all of which stay: the video, labels, regions, choices.

The player needs a Video tag with Labels and a VideoRectangle, whose regions carry its masks in the annotation. What of
these is missing is added, hidden. A player that is there gets its address, and nothing else of it changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from backend.adapters.labelstudio.config.config_text import (
    TagText,
    inserted_first,
    inserted_last,
    tags_of,
    with_attribute,
)
from backend.adapters.labelstudio.config.label_config import IMAGE_OUTPUTS, VIDEO_OUTPUTS, read_binding
from backend.domain.errors import LabelConfigError

EMBED = re.compile(r"""(<embed\b[^>]*?\ssrc\s*=\s*)(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
PLAYER_PATH = "/player?"
FIELD = re.compile(r"\$(\w+)")
"""The data fields that Label Studio fills in within a text: a word, without dots for nesting."""

DEFAULT_FIELD = "video"
HIDDEN = ("Labels", "Video", "VideoRectangle")
SHOWN = ("HyperText", "Choices", "TextArea")

OUT_OF_SIGHT = "position:absolute;left:-10000px;width:320px;visibility:hidden"
"""Hides tags. Label Studio's page draws a Video without a width again and again: `display:none` takes a whole core."""


def player_address(public_url: str, project_id: int, field: str) -> str:
    """The player's address in a label config. Label Studio fills in the field's value, which must be its end."""
    return f"{public_url.rstrip('/')}{PLAYER_PATH}project={project_id}&field={field}&value=${field}"


def filled_in(template: str, public_url: str, project_id: int) -> str:
    """The config of label_config/player.xml for a project, without its leading comment."""
    text = template.partition("-->")[2].lstrip()
    return _with_address(text, _players(tags_of(text))[0], player_address(public_url, project_id, DEFAULT_FIELD))


def with_player(
    label_config: str, template: str, *, public_url: str, project_id: int, data_fields: Iterable[str] = ()
) -> str:
    """The label config with the player; the same text if nothing is missing.

    template: label_config/player.xml, whose tags are used. data_fields: the fields of every task's data, none without
    tasks. Raises LabelConfigError, with the way out, for a config that cannot have the player.
    """
    tags = tags_of(label_config)
    if tags[0].is_closed:
        raise LabelConfigError(f"the label config's root is empty: write <{tags[0].name}></{tags[0].name}>")
    video = _video(tags)
    field = _field(video) if video is not None else _field_without_video(frozenset(data_fields))
    pieces = _Pieces(filled_in(template, public_url, project_id), tags)
    hidden = pieces.hidden(tags, video)
    text = label_config
    if hidden:
        block = "\n".join(f"    {piece}" for piece in hidden)
        text = inserted_last(text, tags[0], f'  <View style="{OUT_OF_SIGHT}">\n{block}\n  </View>')
    if not _players(tags):
        text = inserted_first(text, tags[0], "\n".join(f"  {piece}" for piece in pieces.shown()))
    text = _with_address(text, _players(tags_of(text))[0], player_address(public_url, project_id, field))
    read_binding(text)
    return text


def at_field(label_config: str, public_url: str, project_id: int, field: str) -> str:
    """The config text with the player's address for a field of the tasks' data."""
    return _with_address(
        label_config, _players(tags_of(label_config))[0], player_address(public_url, project_id, field)
    )


class _Pieces:
    """The template's tags as text, with names that are free in another config."""

    def __init__(self, template: str, tags: Iterable[TagText]) -> None:
        self._taken = {tag.attributes["name"] for tag in tags if "name" in tag.attributes}
        self._texts = {tag.name: template[tag.start : tag.end] for tag in tags_of(template)}
        self._names = {tag.name: tag.attributes.get("name", "") for tag in tags_of(template)}

    def shown(self) -> list[str]:
        """The player and its controls, which have its name."""
        player = self._free(self._names["HyperText"])
        shown = (kind for kind in SHOWN if kind in self._texts)
        return [self._renamed(kind, player if kind == "HyperText" else None, to_name=player) for kind in shown]

    def hidden(self, tags: Iterable[TagText], video: TagText | None) -> list[str]:
        """The tags for regions that a config lacks."""
        name = self._free(self._names["Video"]) if video is None else video.attributes["name"]
        present = {tag.name for tag in tags if name in _to_names(tag)} | ({"Video"} if video is not None else set())
        missing = [kind for kind in HIDDEN if kind not in present]
        return [self._renamed(kind, name if kind == "Video" else None, to_name=name) for kind in missing]

    def _renamed(self, kind: str, name: str | None, *, to_name: str) -> str:
        text = self._texts[kind]
        head, rest = text[: text.index(">")], text[text.index(">") :]
        if kind not in ("HyperText", "Video"):
            head = re.sub(r' toName="[^"]*"', f' toName="{to_name}"', head)
        return re.sub(r' name="[^"]*"', f' name="{name or self._free(self._names[kind])}"', head) + rest

    def _free(self, name: str) -> str:
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def _players(tags: Iterable[TagText]) -> list[TagText]:
    return [tag for tag in tags if tag.name == "HyperText" and PLAYER_PATH in _embedded(tag)]


def _embedded(tag: TagText) -> str:
    found = EMBED.search(tag.attributes.get("value", ""))
    return found[3] if found else ""


def _with_address(text: str, player: TagText, address: str) -> str:
    if _embedded(player) == address:
        return text
    value = EMBED.sub(lambda found: found[1] + found[2] + address + found[2], player.attributes["value"], count=1)
    return with_attribute(text, player, "value", value)


def _video(tags: list[TagText]) -> TagText | None:
    """The Video tag that the player is for; None without one. Raises LabelConfigError if that is unclear."""
    videos = [tag for tag in tags if tag.name == "Video" and tag.attributes.get("name")]
    controlled = {name for tag in tags if tag.name.lower() in VIDEO_OUTPUTS for name in _to_names(tag)}
    chosen = [tag for tag in videos if tag.attributes["name"] in controlled] if len(videos) > 1 else videos
    if len(videos) > 1 and len(chosen) != 1:
        names = ", ".join(repr(tag.attributes["name"]) for tag in videos)
        raise LabelConfigError(
            f"the label config has the videos {names}: give a <VideoRectangle> to the one that the player shall show, "
            "and to no other"
        )
    images = {tag.attributes.get("name") for tag in tags if tag.name == "Image"}
    drawn_on = {name for tag in tags if tag.name.lower() in IMAGE_OUTPUTS for name in _to_names(tag)}
    if images & drawn_on:
        raise LabelConfigError(
            "the label config is for images, and the player shows a video: connect it as it is with --config keep, or "
            "make a project for the player: masklet project create NAME --config player"
        )
    return chosen[0] if chosen else None


def _field(video: TagText) -> str:
    """The data field of a Video tag. Raises LabelConfigError if Label Studio cannot fill it in for the player."""
    value = video.attributes.get("value", "").strip()
    found = FIELD.fullmatch(value)
    if found is None:
        raise LabelConfigError(
            f"the player cannot have the address of <Video name={video.attributes['name']!r}>, value={value!r}: Label "
            'Studio fills in fields like "$video" alone, of letters, digits and _; give the tasks such a field'
        )
    return found[1]


def _field_without_video(data_fields: frozenset[str]) -> str:
    if not data_fields or DEFAULT_FIELD in data_fields:
        return DEFAULT_FIELD
    raise LabelConfigError(
        f"the label config has no <Video>, and the tasks' data has no field {DEFAULT_FIELD!r} but "
        f"{', '.join(sorted(data_fields))}: add a <Video> with the field of the video's address to the label config"
    )


def _to_names(tag: TagText) -> list[str]:
    return [name.strip() for name in tag.attributes.get("toName", "").split(",")]
