"""Action labels: labels of a label config that request an action instead of naming an object.

Label Studio's open-source page has no button that reaches a backend. A click with an action label selected sends an
ordinary prompt instead (label_config/frames.xml). The text alone makes a label an action: it is readable in the page,
and Label Studio cannot drop it as it might an attribute.

    "▶ 15"   "◀ 15"     propagate 15 frames forward, backward
    "▶▶ end" "◀◀ start" propagate to the end, to the start; the word is optional
    "◀▶ all"            propagate through the whole video in both directions; "◀▶ 15" by 15 in both
    "▶ 1 skip 4"        the same, with 4 frames skipped before every answered one: also "▶ 15 skip 4"
    "✕ gone"            the object at the click is absent on this frame; "✕ gone Cat" Cat, wherever the click is
    "✕ reset"           delete the user's prompts on the task; "✕ reset Cat" those of Cat alone

Everything else is an object's label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.video import Direction

EMOJI_STYLE = "\ufe0f"
"""Variation selector that some keyboards add to an arrow; it changes only the glyph."""

SKIP = r"(?:\s+skip\s+(?P<skip>[1-9][0-9]{0,3}))?"
STEP = re.compile(r"(?P<arrow>◀▶|▶|◀)\s*(?P<frames>[1-9][0-9]{0,5})" + SKIP, re.IGNORECASE)
TO_END = re.compile(r"(?P<arrow>▶▶|◀◀|◀▶)(?:\s*(?:end|start|all))?" + SKIP, re.IGNORECASE)
GONE = re.compile(r"[✕✖×]\s*gone(?:\s+(?P<label>.+))?", re.IGNORECASE)
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
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Action:
    """The action of an action label.

    direction, frames and skip are for PROPAGATE: frames is the number of frames to answer for, None up to the video's
    end or start; skip is the number of frames left out before each. label is for RESET (the object whose prompts are
    deleted, empty for all) and for GONE (the object that is absent, empty for the one at the click).
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
    if (to_end := TO_END.fullmatch(text)) and _word_fits(text, to_end["arrow"]):
        return _propagate(to_end, None)
    if gone := GONE.fullmatch(text):
        return Action(ActionKind.GONE, label=gone["label"] or "")
    reset = RESET.fullmatch(text)
    return Action(ActionKind.RESET, label=reset["label"] or "") if reset else None


def _propagate(match: re.Match[str], frames: int | None) -> Action:
    return Action(ActionKind.PROPAGATE, DIRECTIONS[match["arrow"]], frames, int(match["skip"] or 0))


def _word_fits(text: str, arrow: str) -> bool:
    """Whether the word, if any, fits the direction: "▶▶ start" is no action."""
    words = [word for word in ENDS.values() if word in text.lower()]
    return all(word == ENDS[arrow] for word in words)


ENDS = {"▶▶": "end", "◀◀": "start", "◀▶": "all"}
