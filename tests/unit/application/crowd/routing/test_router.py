"""Items on their way through the projects of a crowd: who redoes, who verifies, what each task begins with."""

from __future__ import annotations

from backend.application.crowd.routing.ports import FACTS, NOTE_FIELD, STEP_FIELD
from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.crowd.routing.steps import is_routed
from backend.domain.crowd.routing import ItemState, Role, Start, StepState
from backend.domain.prompts import PromptSet
from backend.domain.verdicts import GivenVerdict, MaskDigests, Verdict
from tests.fakes.crowd.routed_tasks import MODEL, PROJECTS, SIGNER, CrowdOfTest
from tests.unit.application.builders import CAT, click_on
from tests.unit.application.crowd.routing.builders import ANN, BOB, CEM, DEE, DOG, item_of, roles, shown, to_verify


def test_an_item_goes_from_select_to_track_to_verify_and_back_until_it_is_accepted() -> None:
    crowd = CrowdOfTest()
    key = crowd.enter()
    crowd.sweep()
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    track = crowd.open_task(Role.TRACK)
    data = crowd.tasks.tasks[track]
    assert data["video"] == "/data/clip.mp4"
    assert data[STEP_FIELD] == "cats/1/41/2"
    assert "key" not in data[FACTS]  # type: ignore[operator]
    assert is_routed(SIGNER, PROJECTS[Role.TRACK], data)
    assert not is_routed(SIGNER, PROJECTS[Role.VERIFY], data)
    crowd.parts.work_off()
    assert set(shown(crowd, track, BOB)) == {(CAT, frame) for frame in range(5)}

    crowd.make(track, BOB, PromptSet.of([*click_on(0), *click_on(3, 0.2)], {CAT: "Cat"}))
    crowd.sweep()
    verify = crowd.open_task(Role.VERIFY)
    of_bob = shown(crowd, track, BOB)
    assert shown(crowd, verify, CEM) == of_bob
    crowd.tasks.annotate(verify, CEM, Verdict.REDO, "the tail")
    crowd.sweep()
    again = crowd.open_task(Role.TRACK)
    assert crowd.tasks.tasks[again][NOTE_FIELD] == 'Redo 1 of 3. A verifier says: redo "the tail".'
    assert shown(crowd, again, DEE) == of_bob
    crowd.make(again, DEE, click_on(1))
    crowd.sweep()
    crowd.tasks.annotate(crowd.open_task(Role.VERIFY), CEM, Verdict.SATISFACTORY)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED
    assert roles(crowd, key) == [Role.SELECT, Role.TRACK, Role.VERIFY, Role.TRACK, Role.VERIFY]
    assert len(crowd.tasks.created) == 4
    edited = [step.edited_frames for step in crowd.parts.ledger.steps_of_item(key)]
    assert edited == [1, 2, 0, 1, 0]
    judged = [(each.maker, each.verifier, each.verdict) for each in crowd.parts.ledger.maker_verdicts("cats")]
    assert judged == [(BOB, CEM, Verdict.REDO), (DEE, CEM, Verdict.SATISFACTORY)]


def test_what_is_not_drawn_for_verification_is_accepted_and_what_was_sent_back_is_verified() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key, verify = to_verify(crowd)
    crowd.tasks.annotate(verify, BOB, Verdict.REDO)
    crowd.sweep()
    crowd.unchecked = frozenset({ANN})
    crowd.make(crowd.open_task(Role.TRACK), ANN, click_on(1))
    crowd.sweep()
    assert roles(crowd, key) == [Role.TRACK, Role.VERIFY, Role.TRACK, Role.VERIFY]

    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), unchecked=frozenset({ANN}))
    key = crowd.enter()
    crowd.sweep()
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED
    assert roles(crowd, key) == [Role.TRACK]


def test_the_verdict_of_the_maker_does_not_count_and_the_task_stays_open() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), verifiers=2)
    key, verify = to_verify(crowd)
    crowd.tasks.annotate(verify, ANN, Verdict.SATISFACTORY)
    crowd.sweep()
    assert "1 verdict does not count: its author made these masks" in crowd.tasks.notes[verify]
    assert ANN not in crowd.tasks.notes[verify]
    assert crowd.tasks.people[verify] == 3
    (stuck,) = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock).of("cats").stuck
    assert (stuck.task, stuck.next_try_s) == (verify, None)
    assert stuck.reason.startswith("the only verdicts are of people who made these masks")
    for user in (BOB, BOB, CEM):  # Bob's second one replaces his first
        crowd.tasks.annotate(verify, user, Verdict.SATISFACTORY)
        crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED


def test_who_made_masks_of_an_item_once_verifies_it_never() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key, verify = to_verify(crowd)
    crowd.tasks.annotate(verify, BOB, Verdict.REDO)
    crowd.sweep()
    crowd.make(crowd.open_task(Role.TRACK), BOB, click_on(1))
    crowd.sweep()
    second = crowd.open_task(Role.VERIFY)
    crowd.tasks.annotate(second, ANN, Verdict.SATISFACTORY)
    crowd.tasks.annotate(second, BOB, Verdict.SATISFACTORY)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.OPEN
    crowd.tasks.annotate(second, CEM, Verdict.REJECT)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.REJECTED


def test_an_item_is_stopped_after_its_redos_and_the_lead_sees_why() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), max_redos=1)
    key, verify = to_verify(crowd)
    crowd.tasks.annotate(verify, BOB, Verdict.REDO, "an ear")
    crowd.sweep()
    crowd.make(crowd.open_task(Role.TRACK), ANN, click_on(1))
    crowd.sweep()
    crowd.tasks.annotate(crowd.open_task(Role.VERIFY), BOB, Verdict.REDO)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.STOPPED
    status = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock).of("cats")
    (stopped,) = status.stopped
    assert (stopped.item, stopped.redos) == (key, 1)
    assert '"an ear"' in stopped.note
    assert status.items == {ItemState.STOPPED: 1}
    assert [(queue.role, queue.done, sum(queue.done_by_hour)) for queue in status.queues] == [
        (Role.TRACK, 2, 2),
        (Role.VERIFY, 2, 2),
    ]


def test_automatic_masks_are_verified_first_and_the_good_ones_begin_the_track_task() -> None:
    crowd = CrowdOfTest()
    key = crowd.enter(Role.VERIFY)
    both = PromptSet.of([*click_on(0), *click_on(0, 0.2, DOG)], {CAT: "Cat", DOG: "Dog"})
    user_task = crowd.tasks.user_task(key, MODEL.version)
    crowd.parts.service.replace_prompts(user_task, both.as_automatic(lambda _: 0.9))
    crowd.parts.work_off()
    crowd.sweep()
    before = shown(crowd, key, BOB)
    crowd.parts.ledger.set_verdict(key, GivenVerdict(DOG, Verdict.REJECT, "a shadow", ""), user=BOB)
    crowd.tasks.annotate(key, BOB, Verdict.SATISFACTORY)
    crowd.sweep()
    assert roles(crowd, key) == [Role.VERIFY, Role.TRACK]
    track = crowd.open_task(Role.TRACK)
    assert shown(crowd, track, ANN) == {place: mask for place, mask in before.items() if place[0] == CAT}
    assert 'dog: reject "a shadow"' in str(crowd.tasks.tasks[track][NOTE_FIELD])
    assert item_of(crowd, key).redos == 0
    crowd.make(track, ANN, click_on(1))
    crowd.sweep()
    verify = crowd.open_task(Role.VERIFY)
    crowd.tasks.annotate(verify, BOB, Verdict.SATISFACTORY)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED


def test_bad_automatic_masks_are_tracked_from_nothing() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key = crowd.enter(Role.VERIFY)
    user_task = crowd.tasks.user_task(key, MODEL.version)
    crowd.parts.service.replace_prompts(user_task, click_on(0).as_automatic(lambda _: 0.9))
    crowd.parts.work_off()
    crowd.tasks.annotate(key, BOB, Verdict.REJECT)
    crowd.sweep()
    track = crowd.open_task(Role.TRACK)
    assert shown(crowd, track, ANN) == {}
    assert crowd.parts.ledger.steps_of_item(key)[1].start is Start.EMPTY


def test_a_crowd_that_only_selects_accepts_what_was_selected() -> None:
    crowd = CrowdOfTest((Role.SELECT,))
    key = crowd.enter()
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED
    assert [step.state for step in crowd.parts.ledger.steps_of_item(key)] == [StepState.DONE]


def test_the_makers_task_has_the_verdicts_that_agree_with_the_decision() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), verifiers=3)
    key = crowd.enter()
    crowd.sweep()
    made = crowd.make(key, ANN, click_on(0))
    crowd.tasks.digests[made] = MaskDigests({CAT: "of the cat"}, "of all")
    crowd.sweep()
    verify = crowd.open_task(Role.VERIFY)
    crowd.parts.ledger.set_verdict(verify, GivenVerdict(CAT, Verdict.REJECT, "a shadow", ""), user=BOB)
    for user, verdict in ((BOB, Verdict.SATISFACTORY), (CEM, Verdict.REDO), (DEE, Verdict.SATISFACTORY)):
        crowd.tasks.annotate(verify, user, verdict, f"says {user}")
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED
    assert [(each.user, each.given) for each in crowd.parts.ledger.everybodys_verdicts(2, task=key)] == [
        (BOB, GivenVerdict(None, Verdict.SATISFACTORY, f"says {BOB}", "of all")),
        (BOB, GivenVerdict(CAT, Verdict.REJECT, "a shadow", "of the cat")),
        (DEE, GivenVerdict(None, Verdict.SATISFACTORY, f"says {DEE}", "of all")),
    ]
