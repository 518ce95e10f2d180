"""A propagation that equals another person's, or one that no person started: one job, and everybody's own."""

from __future__ import annotations

from tests.unit.interfaces.http.player.builders import CLICK, TASK, LabelStudioUsers, PlayerWeb

WHOLE = {"start": 4, "direction": "both"}


def test_two_people_with_equal_prompts_get_the_masks_of_one_job() -> None:
    web = PlayerWeb(LabelStudioUsers())
    ann, cem = web.opened("ann-1"), web.client("cem-1")
    started = []
    for person in (ann, cem):
        assert person.put(f"{TASK}/prompts/4/Cat", json=CLICK).status_code == 200
        reply = person.post(f"{TASK}/propagations", json=WHOLE)
        assert reply.status_code == 202, reply.text
        started.append(reply.json()["id"])
        web.web.work_off_all()
    assert started[0] == started[1]
    for person in (ann, cem):
        masks = person.get(f"{TASK}/masks?start=0&stop=10").json()["masks"]
        assert [mask["frame"] for mask in masks] == list(range(10))


def test_masks_of_an_equal_request_stay_when_a_prompt_is_added() -> None:
    web = PlayerWeb(LabelStudioUsers())
    ann, cem = web.opened("ann-1"), web.client("cem-1")
    for person in (ann, cem):
        assert person.put(f"{TASK}/prompts/4/Cat", json=CLICK).status_code == 200
        assert person.post(f"{TASK}/propagations", json=WHOLE).status_code == 202
        web.web.work_off_all()
    added = {**CLICK, "points": [[0.2, 0.2, 1]]}
    assert cem.put(f"{TASK}/prompts/8/Cat", json=added).status_code == 200
    masks = cem.get(f"{TASK}/masks?start=0&stop=10").json()["masks"]
    assert [mask["frame"] for mask in masks] == list(range(10))


def test_who_did_not_ask_has_no_masks_of_it() -> None:
    web = PlayerWeb(LabelStudioUsers())
    ann, cem = web.opened("ann-1"), web.client("cem-1")
    assert ann.put(f"{TASK}/prompts/4/Cat", json=CLICK).status_code == 200
    assert ann.post(f"{TASK}/propagations", json=WHOLE).status_code == 202
    web.web.work_off_all()
    assert cem.get(f"{TASK}/masks?start=0&stop=10").json()["masks"] == []
