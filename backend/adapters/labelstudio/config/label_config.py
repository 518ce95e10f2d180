"""Label config to binding: the tags that Masklet reads prompts from and writes masks with.

Owns every decision that the config alone determines. A config that Masklet cannot answer is refused with the missing
or ambiguous tag: a wrong guess would put masks on a tag that the page does not show.

The config is untrusted: it is parsed without document type declarations or entities, within limits on size and number
of tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from backend.adapters.labelstudio.config.action_labels import Action, action_of_label
from backend.domain.errors import LabelConfigError
from backend.domain.jobs import OutputMode

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_CONFIG_CHARS = 256 * 1024
MAX_TAGS = 5_000
DEFAULT_FRAMERATE = 24.0
"""Label Studio's frame rate for a Video tag without one, frames per second."""

DATA_KEY = re.compile(r"\$([^\s,$]+)")


class ControlKind(StrEnum):
    """The control tags that Masklet reads; the value is Label Studio's region type."""

    KEYPOINT = "keypointlabels"
    RECTANGLE = "rectanglelabels"
    BRUSH = "brushlabels"
    BITMASK = "bitmasklabels"
    POLYGON = "polygonlabels"
    VIDEO_RECTANGLE = "videorectangle"
    VIDEO_VECTOR = "videovector"
    VIDEO_VECTOR_LABELS = "videovectorlabels"
    LABELS = "labels"
    TIMELINE = "timelinelabels"


IMAGE_OUTPUTS = (ControlKind.BRUSH, ControlKind.BITMASK, ControlKind.POLYGON, ControlKind.RECTANGLE)
"""Best first. Rectangles lose the mask: they are the last choice."""

VIDEO_OUTPUTS = (ControlKind.VIDEO_VECTOR_LABELS, ControlKind.VIDEO_VECTOR, ControlKind.VIDEO_RECTANGLE)


@dataclass(frozen=True, slots=True)
class Control:
    """One control tag: its from_name, the labels inside it, and whether it is a smart tool.

    takes_labels_of_task: the task's data names further labels (value="$classes"); see `task_data`.
    """

    kind: ControlKind
    name: str
    labels: tuple[str, ...]
    smart: bool = False
    takes_labels_of_task: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """The parts of a label config that Masklet uses.

    to_name: the object tag's name. value_key: the key of the address or addresses in the task's data, dots for
    nesting. framerate: frames per second of Label Studio's frame numbers; None for images, and where the task's data
    has it (framerate="$fps").
    controls: the object tag's control tags, in the config's order. outputs: the controls that masks are written with,
    best first. labels: the objects' labels, in the config's order. actions: the action labels. auto_accept: whether
    annotators are expected to use Auto-Accept Suggestions, which no request states; False with autoAccept="false" on
    the object tag, and then an answer holds the prompted page alone.
    """

    mode: OutputMode
    to_name: str
    value_key: str
    framerate: float | None
    controls: tuple[Control, ...]
    outputs: tuple[Control, ...]
    labels: tuple[str, ...]
    actions: Mapping[str, Action]
    auto_accept: bool = True

    @property
    def is_video(self) -> bool:
        return self.mode in (OutputMode.VIDEO, OutputMode.VIDEO_VECTOR)

    def control(self, kind: ControlKind) -> Control | None:
        """The first control tag of a kind; None without one."""
        return next((control for control in self.controls if control.kind is kind), None)

    def output_for(self, label: str) -> Control | None:
        """The control tag that an object of this label is written with; None if no tag has the label.

        On a Video tag every output fits: the labels are in a separate <Labels> tag.
        """
        return next((o for o in self.outputs if self.is_video or label in o.labels), None)


@lru_cache(maxsize=64)
def read_binding(label_config: str) -> Binding:
    """The binding of a label config. Raises LabelConfigError."""
    root = parse_config(label_config)
    tags = list(root.iter())
    if len(tags) > MAX_TAGS:
        raise LabelConfigError(f"the label config has {len(tags)} tags; the most that is read is {MAX_TAGS}")
    media = _media_tag(tags)
    controls = tuple(_controls(root, media.attrib["name"]))
    outputs = _outputs(media.tag, controls)
    labels = tuple(dict.fromkeys(label for control in _labelling(controls) for label in control.labels))
    actions = {label: action for label in labels if (action := action_of_label(label)) is not None}
    return Binding(
        mode=_mode(media, outputs[0]),
        to_name=media.attrib["name"],
        value_key=_value_key(media),
        framerate=_framerate(media) if media.tag == "Video" else None,
        controls=controls,
        outputs=outputs,
        labels=tuple(label for label in labels if label not in actions),
        actions=actions,
        auto_accept=(media.get("autoAccept") or media.get("autoaccept") or "true").lower() != "false",
    )


def class_labels(label_config: str) -> tuple[str, ...]:
    """The objects' labels of all control tags in the config's order, also of kinds that Masklet does not write.

    Raises LabelConfigError.
    """
    binding = read_binding(label_config)
    found: dict[str, None] = {}
    for tag in parse_config(label_config).iter():
        if isinstance(tag.tag, str) and tag.tag != "TimelineLabels" and binding.to_name in _to_names(tag):
            found.update(dict.fromkeys(label for each in tag.iter("Label") if (label := _label_of(each))))
    return tuple(label for label in found if label not in binding.actions)


def parse_config(label_config: str) -> Element:
    """The config's root element. Raises LabelConfigError for what is not well-formed, too long or not safe to parse."""
    if not label_config.strip():
        raise LabelConfigError("the label config is empty; give the project one of those in label_config/")
    if len(label_config) > MAX_CONFIG_CHARS:
        raise LabelConfigError(
            f"the label config has {len(label_config)} characters; the most that is read is {MAX_CONFIG_CHARS}"
        )
    try:
        root: Element = fromstring(label_config, forbid_dtd=True)
    except DefusedXmlException as error:
        raise LabelConfigError("the label config has a document type declaration; remove it") from error
    except (ParseError, ValueError) as error:
        raise LabelConfigError(f"the label config is not well-formed XML: {error}") from error
    return root


def _media_tag(tags: list[Element]) -> Element:
    """The only Image or Video tag with controls. Raises LabelConfigError for none or several."""
    media = [tag for tag in tags if tag.tag in ("Image", "Video") and tag.get("name")]
    if not media:
        raise LabelConfigError(
            "the label config has no <Video> or <Image> tag with a name, so there is nothing to mask"
        )
    names = [tag.attrib["name"] for tag in media]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise LabelConfigError(f"the label config has two tags named {sorted(repeated)[0]!r}; names must differ")
    pointed = {name for tag in tags if _kind(tag) in _WRITABLE for name in _to_names(tag)}
    used = [tag for tag in media if tag.attrib["name"] in pointed] if len(media) > 1 else media
    if len(used) != 1:
        listed = ", ".join(f"<{tag.tag} name={tag.attrib['name']!r}>" for tag in media)
        raise LabelConfigError(
            f"the label config is ambiguous: of {listed} exactly one must have control tags that Masklet writes"
        )
    return used[0]


_WRITABLE = frozenset((*IMAGE_OUTPUTS, *VIDEO_OUTPUTS))


def _kind(tag: Element) -> ControlKind | None:
    if not tag.get("toName") or not isinstance(tag.tag, str):
        return None
    try:
        return ControlKind(tag.tag.lower())
    except ValueError:
        return None


def _to_names(tag: Element) -> list[str]:
    return [name.strip() for name in tag.get("toName", "").split(",")]


def _controls(root: Element, to_name: str) -> Iterable[Control]:
    for tag in root.iter():
        kind = _kind(tag)
        if kind is None or to_name not in _to_names(tag):
            continue
        name = tag.get("name")
        if not name:
            raise LabelConfigError(f"the label config has a <{tag.tag}> tag without a name; give it one")
        labels = (_label_of(label) for label in tag.iter("Label"))
        smart = tag.get("smart") == "true" or tag.get("smartOnly") == "true"
        of_task = DATA_KEY.fullmatch((tag.get("value") or "").strip()) is not None
        yield Control(kind, name, tuple(label for label in labels if label), smart, of_task)


def _label_of(tag: Element) -> str | None:
    """What the page stores: a label's alias, if any, instead of its value."""
    return tag.get("alias") or tag.get("value")


def _labelling(controls: tuple[Control, ...]) -> Iterable[Control]:
    """The controls whose labels name objects or actions: all but timelines."""
    return (control for control in controls if control.kind is not ControlKind.TIMELINE)


def _outputs(media: str, controls: tuple[Control, ...]) -> tuple[Control, ...]:
    """The controls that masks can be written with, best first. Raises LabelConfigError without any."""
    wanted = IMAGE_OUTPUTS if media == "Image" else VIDEO_OUTPUTS
    found = tuple(control for kind in wanted for control in controls if control.kind is kind)
    if found and media == "Image" and not any(c.labels or c.takes_labels_of_task for c in found):
        raise LabelConfigError(f"the tag named {found[0].name!r} has no <Label>; give it one for every kind of object")
    if found:
        return found
    choices = "BrushLabels, BitmaskLabels, PolygonLabels or RectangleLabels"
    if media == "Video":
        choices = "VideoRectangle, VideoVector or VideoVectorLabels"
    raise LabelConfigError(f"the label config has no tag on its <{media}> that can take masks: add {choices}")


def _mode(media: Element, output: Control) -> OutputMode:
    if media.tag == "Video":
        return OutputMode.VIDEO if output.kind is ControlKind.VIDEO_RECTANGLE else OutputMode.VIDEO_VECTOR
    return OutputMode.PAGES if media.get("valueList") else OutputMode.KEYFRAME


def _value_key(media: Element) -> str:
    attribute = "valueList" if media.get("valueList") else "value"
    found = DATA_KEY.fullmatch((media.get(attribute) or "").strip())
    if not found:
        raise LabelConfigError(
            f"<{media.tag} name={media.attrib['name']!r}> must take its address from the task's data: "
            f'give it {attribute}="$name", not {media.get(attribute)!r}'
        )
    return found[1]


def _framerate(media: Element) -> float | None:
    text = media.get("framerate") or media.get("frameRate")
    if text is None:
        return DEFAULT_FRAMERATE
    if DATA_KEY.fullmatch(text):
        return None
    try:
        framerate = float(text)
    except ValueError:
        framerate = 0.0
    # Label Studio reads a value below 1 as seconds per frame.
    framerate = 1 / framerate if 0 < framerate < 1 else framerate
    if not 1 <= framerate <= 1000:
        raise LabelConfigError(f"the Video tag's framerate must be a number of frames a second, not {text!r}")
    return framerate
