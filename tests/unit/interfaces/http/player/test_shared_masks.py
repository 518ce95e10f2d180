"""Masks of other people: shown only if the settings say so, and only on tasks that Label Studio shows."""

from __future__ import annotations

import pytest

from tests.fakes.web import TestClient
from tests.unit.interfaces.http.player.builders import CLICK, TASK, LabelStudioUsers, PlayerWeb

OF_ANN = f"{TASK}/masks?start=0&stop=10&user=ann@example.org"
LANES_OF_ANN = f"{TASK}/timeline?user=ann@example.org"


def people(*, shared: bool) -> tuple[TestClient, TestClient, TestClient]:
    """Ann with a mask on frame 4, Cem, and Bob, who may not see the task."""
    web = PlayerWeb(LabelStudioUsers())
    web.web.with_settings(player_shared_masks=shared)
    ann = web.opened("ann-1")
    assert ann.put(f"{TASK}/prompts/4/Cat", json=CLICK).status_code == 200
    return ann, web.client("cem-1"), web.client("bob-1")


def test_people_see_each_others_masks_if_the_settings_say_so() -> None:
    ann, cem, _ = people(shared=True)
    listed = {"user": "ann@example.org", "objects": 1, "human_frames": 0}
    assert cem.get(f"{TASK}/users").json() == {"users": [{**listed, "is_you": False}]}
    assert ann.get(f"{TASK}/users").json() == {"users": [{**listed, "is_you": True}]}
    assert [(mask["object"], mask["frame"]) for mask in cem.get(OF_ANN).json()["masks"]] == [("Cat", 4)]
    assert cem.get(LANES_OF_ANN).json()["objects"]["Cat"]["present"] == [[4, 5]]
    assert cem.get(f"{TASK}/masks?start=0&stop=10").json()["masks"] == []
    assert cem.get(f"{TASK}/timeline").json()["objects"] == {}
    assert cem.get(TASK).json()["prompts"] == []


@pytest.mark.parametrize("address", [f"{TASK}/users", OF_ANN, LANES_OF_ANN])
def test_masks_of_others_are_refused_by_default(address: str) -> None:
    _, cem, _ = people(shared=False)
    reply = cem.get(address)
    assert (reply.status_code, "MASKLET_PLAYER_SHARED_MASKS is off" in reply.json()["detail"]) == (403, True)
    assert "MASKLET_PLAYER_SHARED_MASKS=true" in reply.json()["way_out"]


def test_ones_own_masks_can_be_named() -> None:
    ann, _, _ = people(shared=False)
    assert [mask["frame"] for mask in ann.get(OF_ANN).json()["masks"]] == [4]
    assert list(ann.get(LANES_OF_ANN).json()["objects"]) == ["Cat"]


@pytest.mark.parametrize("address", [f"{TASK}/users", OF_ANN, LANES_OF_ANN])
def test_a_hidden_task_stays_hidden(address: str) -> None:
    _, _, bob = people(shared=True)
    assert "does not show task 8" in bob.get(address).json()["detail"]
