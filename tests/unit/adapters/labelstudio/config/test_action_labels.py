"""Action labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.adapters.labelstudio.config.action_labels import Action, ActionKind, action_of_label
from backend.domain.video import Direction


@pytest.mark.parametrize(
    ("label", "action"),
    [
        ("▶ 15", Action(ActionKind.PROPAGATE, Direction.FORWARD, 15)),
        ("▶ 1", Action(ActionKind.PROPAGATE, Direction.FORWARD, 1)),
        ("▶\ufe0f 15", Action(ActionKind.PROPAGATE, Direction.FORWARD, 15)),
        (" ▶15 ", Action(ActionKind.PROPAGATE, Direction.FORWARD, 15)),
        ("◀ 15", Action(ActionKind.PROPAGATE, Direction.BACKWARD, 15)),
        ("▶▶ end", Action(ActionKind.PROPAGATE, Direction.FORWARD, None)),
        ("▶▶", Action(ActionKind.PROPAGATE, Direction.FORWARD, None)),
        ("◀◀ Start", Action(ActionKind.PROPAGATE, Direction.BACKWARD, None)),
        ("◀▶ all", Action(ActionKind.PROPAGATE, Direction.BOTH, None)),
        ("◀▶ 7", Action(ActionKind.PROPAGATE, Direction.BOTH, 7)),
        ("▶ 1 skip 4", Action(ActionKind.PROPAGATE, Direction.FORWARD, 1, skip=4)),
        ("◀ 15 skip 2", Action(ActionKind.PROPAGATE, Direction.BACKWARD, 15, skip=2)),
        ("▶▶ end skip 9", Action(ActionKind.PROPAGATE, Direction.FORWARD, None, skip=9)),
        ("✕ gone", Action(ActionKind.GONE)),
        ("✕ gone LED 2", Action(ActionKind.GONE, label="LED 2")),
        ("✕ reset", Action(ActionKind.RESET)),
        ("✕ reset LED 2", Action(ActionKind.RESET, label="LED 2")),
    ],
)
def test_an_action_label_is_read(label: str, action: Action) -> None:
    assert action_of_label(label) == action


@pytest.mark.parametrize(
    "label", ["Cat", "▶", "▶ 0", "▶ -3", "▶ 15 s", "play 15", "reset", "✕", "▶▶ 15", "▶▶ start", "▶ 5 skip 0", "15", ""]
)
def test_every_other_label_names_an_object(label: str) -> None:
    assert action_of_label(label) is None


@given(st.integers(1, 999_999))
def test_the_number_of_frames_is_the_labels(frames: int) -> None:
    assert action_of_label(f"▶ {frames}") == Action(ActionKind.PROPAGATE, Direction.FORWARD, frames)
