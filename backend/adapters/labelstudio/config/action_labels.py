"""Action labels: labels of a label config that ask for work instead of naming an object.

Label Studio's open-source page has no button that a backend can hear; a label can be one, for choosing it and
clicking sends an ordinary prompt (label_config/frames.xml). A label is an action by its text alone, so that it can
be read in the page and needs no attribute that Label Studio might drop:

    "▶ 15"   "◀ 15"     carry the masks 15 frames forward, backward
    "▶▶ end" "◀◀ start" carry them to the end, to the start; the word may be left out
    "◀▶ all"            carry them both ways through the whole video; "◀▶ 15" both ways by 15
    "▶ 1 skip 4"        the same, leaving out 4 frames before every one that is answered: also "▶ 15 skip 4"
    "✕ reset"           forget this canvas's prompts; "✕ reset Cat" those of Cat alone

Everything else is an object's label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.video import Direction

EMOJI_STYLE = "\ufe0f"
"""Variation selector that some keyboards add to an arrow; it changes nothing but the glyph."""

SKIP = r"(?:\s+skip\s+(?P<skip>[1-9][0-9]{0,3}))?"
STEP = re.compile(r"(?P<arrow>◀▶|▶|◀)\s*(?P<frames>[1-9][0-9]{0,5})" + SKIP, re.IGNORECASE)
SWEEP = re.compile(r"(?P<arrow>▶▶|◀◀|◀▶)(?:\s*(?:end|start|all))?" + SKIP, re.IGNORECASE)
RESET = re.compile(r"[✕✖×]\s*reset(?:\s+(?P<label>.+))?", re.IGNORECASE)
DIRECTIONS = {
    "▶": Direction.FORWARD,
    "▶▶": Direction.FORWARD,
    "◀": Direction.BACKWARD,
    "◀◀": Direction.BACKWARD,
    "◀▶": Direction.BOTH,
}


class ActionKind(StrEnum):
    PROPAGATE = "propagate"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Action:
    """What an action label asks for.

    direction, frames and skip matter for PROPAGATE only: frames are the frames to answer for, None as far as the
    video goes that way; skip is how many are left out before each. label is for RESET: the object to forget, empty
    for all of them.
    """

    kind: ActionKind
    direction: Direction = Direction.BOTH
    frames: int | None = None
    skip: int = 0
    label: str = ""


def action_of_label(label: str) -> Action | None:
    """The action that a label's text names; None if the label names an object."""
    text = label.replace(EMOJI_STYLE, "").strip()
    if step := STEP.fullmatch(text):
        return _propagate(step, int(step["frames"]))
    if (sweep := SWEEP.fullmatch(text)) and _says_its_end(text, sweep["arrow"]):
        return _propagate(sweep, None)
    reset = RESET.fullmatch(text)
    return Action(ActionKind.RESET, label=reset["label"] or "") if reset else None


def _propagate(said: re.Match[str], frames: int | None) -> Action:
    return Action(ActionKind.PROPAGATE, DIRECTIONS[said["arrow"]], frames, int(said["skip"] or 0))


def _says_its_end(text: str, arrow: str) -> bool:
    """Whether a sweep's word, if it has one, is that of its direction: "▶▶ start" names nothing."""
    words = [word for word in ENDS.values() if word in text.lower()]
    return all(word == ENDS[arrow] for word in words)


ENDS = {"▶▶": "end", "◀◀": "start", "◀▶": "all"}
