"""Action labels: labels of a label config that ask for work instead of naming an object.

Label Studio's open-source page has no button that a backend can hear; a label can be one, for choosing it and
clicking sends an ordinary prompt (label_config/frames.xml). A label is an action by its text alone, so that it can
be read in the page and needs no attribute that Label Studio might drop:

    "▶ 15"   "◀ 15"     carry the masks 15 frames forward, backward
    "▶▶ end" "◀◀ start" carry them to the end, to the start; the word may be left out
    "◀▶ all"            carry them both ways through the whole video; "◀▶ 15" both ways by 15
    "✕ reset"           forget this canvas's prompts

Everything else is an object's label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.video import Direction

EMOJI_STYLE = "\ufe0f"
"""Variation selector that some keyboards add to an arrow; it changes nothing but the glyph."""

STEP = re.compile(r"(◀▶|▶|◀)\s*([1-9][0-9]{0,5})")
SWEEP = re.compile(r"(▶▶)(?:\s*end)?|(◀◀)(?:\s*start)?|(◀▶)(?:\s*all)?")
RESET = re.compile(r"[✕✖×]\s*reset")
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

    direction and frames matter for PROPAGATE only; frames None means as far as the video goes that way.
    """

    kind: ActionKind
    direction: Direction = Direction.BOTH
    frames: int | None = None


def action_of_label(label: str) -> Action | None:
    """The action that a label's text names; None if the label names an object."""
    text = label.replace(EMOJI_STYLE, "").strip().lower()
    if step := STEP.fullmatch(text):
        return Action(ActionKind.PROPAGATE, DIRECTIONS[step[1]], int(step[2]))
    if sweep := SWEEP.fullmatch(text):
        return Action(ActionKind.PROPAGATE, DIRECTIONS[next(filter(None, sweep.groups()))])
    return Action(ActionKind.RESET) if RESET.fullmatch(text) else None
