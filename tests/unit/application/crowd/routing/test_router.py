"""Items on their way through the projects of a crowd: who redoes, who verifies, what each task begins with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.crowd.routing.decisions import Decisions
from backend.application.crowd.routing.ports import FACTS, NOTE_FIELD, STEP_FIELD
from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.crowd.routing.steps import is_routed
from backend.application.player.current_masks import CurrentMasks
from backend.application.player.prediction_start import PredictionStart
from backend.application.player.prompt_index import PromptIndices
from backend.application.player.runs import UserRuns
from backend.domain.crowd.routing import Decision, Item, ItemState, Role, Route, Start, StepState
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, MaskDigests, Verdict
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.crowd.routed_tasks import MODEL, PROJECTS, SIGNER, CrowdOfTest
from tests.fakes.engine import FakeCodec
from tests.unit.application.builders import CAT, click_on

ANN, BOB, CEM, DEE = (f"{name}@example.org" for name in ("ann", "bob", "cem", "dee"))
DOG = ObjectId("dog")
FRAMES = FrameRange(FrameIndex(0), FrameIndex(5))


def shown(crowd: CrowdOfTest, task: TaskKey, user: str, version: str = MODEL.version) -> dict[tuple[str, int], str]:
    """What the player shows a person on a task: run lengths by object and frame."""
    ledger, records = crowd.parts.ledger, crowd.records
    indices = PromptIndices(ledger, FakeCodec())
    masks = CurrentMasks(crowd.parts.service, records, UserRuns(ledger), FakeCodec(), indices)
    view = PredictionStart(masks).view_of(replace(crowd.tasks.user_task(task, version), user=user))
    return {(m.object_id, m.frame_index): m.mask.counts for m in masks.on(view, FRAMES) if m.mask is not None}


def item_of(crowd: CrowdOfTest, key: TaskKey) -> Item:
    item = crowd.parts.ledger.item(key)
    assert item is not None
    return item


def roles(crowd: CrowdOfTest, key: TaskKey) -> list[Role]:
    return [step.role for step in crowd.parts.ledger.steps_of_item(key)]


def to_verify(crowd: CrowdOfTest) -> tuple[TaskKey, TaskKey]:
    """An item that was tracked by Ann: its key, and the task to verify."""
    key = crowd.enter()
    crowd.sweep()
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    return key, crowd.open_task(Role.VERIFY)


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


def test_a_step_waits_for_masks_and_says_so() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key = crowd.enter()
    crowd.sweep()
    statuses = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock)
    crowd.tasks.annotate(key, ANN)
    crowd.sweep()
    assert statuses.of("cats").stuck[0].reason == "annotation 1 is yet to be read"
    crowd.submit(key, ANN)
    crowd.sweep()
    assert "has no prompts" in statuses.of("cats").stuck[0].reason
    user_task = crowd.tasks.user_task(key, MODEL.version)
    crowd.parts.service.replace_prompts(replace(user_task, user=ANN), click_on(0))
    crowd.sweep()
    assert "are being made" in statuses.of("cats").stuck[0].reason
    crowd.parts.work_off()
    crowd.sweep()
    assert statuses.of("cats").stuck == ()
    assert roles(crowd, key) == [Role.TRACK, Role.VERIFY]


def test_a_lost_answer_of_label_studio_makes_no_second_task() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key = crowd.enter()
    crowd.make(key, ANN, click_on(0))
    crowd.tasks.lost_answers = 1
    router = crowd.router()
    router.sweep()
    statuses = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock)
    (stuck,) = statuses.of("cats").stuck
    assert stuck.reason.startswith("LabelStudioUnavailable")
    assert stuck.next_try_s is not None
    crowd.sweep(router)
    assert len(crowd.tasks.created) == 1
    assert crowd.open_task(Role.VERIFY) == crowd.tasks.created[0]
    assert statuses.of("cats").stuck == ()


def test_a_second_task_of_a_step_is_removed() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    _, verify = to_verify(crowd)
    late = crowd.tasks.add(PROJECTS[Role.VERIFY], crowd.tasks.tasks[verify])
    crowd.sweep()
    assert late not in crowd.tasks.tasks
    assert crowd.open_task(Role.VERIFY) == verify


def test_a_removed_task_is_told_and_holds_up_no_other_item() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    gone, kept = crowd.enter(), crowd.enter(video="/data/other.mp4")
    crowd.make(gone, ANN, click_on(0))
    crowd.make(kept, ANN, click_on(0))
    data = crowd.tasks.data
    crowd.tasks.data = lambda task: _raise() if task == gone else data(task)  # type: ignore[method-assign]
    crowd.sweep()
    assert roles(crowd, kept) == [Role.TRACK, Role.VERIFY]
    crowd.open_task(Role.VERIFY)
    (stuck,) = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock).of("cats").stuck
    assert (stuck.item, stuck.task) == (gone, None)
    assert "from which the next task of item 2/41 is made, is gone" in stuck.reason


def _raise() -> dict[str, object]:
    raise NotFound("nothing there")


def test_a_crowd_that_only_selects_accepts_what_was_selected() -> None:
    crowd = CrowdOfTest((Role.SELECT,))
    key = crowd.enter()
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.ACCEPTED
    assert [step.state for step in crowd.parts.ledger.steps_of_item(key)] == [StepState.DONE]


def test_open_tasks_are_filled_again_for_another_model() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    _, verify = to_verify(crowd)
    before = shown(crowd, verify, BOB)
    other = replace(MODEL, version="masklet-other-11111111")
    crowd.models.model = other
    assert shown(crowd, verify, BOB, other.version) == {}
    crowd.sweep()
    assert shown(crowd, verify, BOB, other.version) == before
    assert crowd.parts.ledger.unfilled_steps(9e9, model_version=other.version) == ()


def test_without_a_worker_the_next_task_waits() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key = crowd.enter()
    crowd.make(key, ANN, click_on(0))
    crowd.models.model = None
    crowd.sweep()
    (stuck,) = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock).of("cats").stuck
    assert "no worker has announced its model" in stuck.reason
    crowd.models.model = MODEL
    crowd.sweep()
    assert crowd.open_task(Role.VERIFY) in crowd.tasks.created


def test_a_task_that_was_removed_is_told() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    _, verify = to_verify(crowd)
    crowd.tasks.remove(verify)
    crowd.sweep(times=6)
    (stuck,) = CrowdStatuses(crowd.parts.ledger, crowd.parts.ledger, crowd.parts.clock).of("cats").stuck
    assert (stuck.task, stuck.reason) == (verify, f"task {verify} was removed from Label Studio: nobody can do it")


def test_a_lead_sends_a_stopped_item_back_or_ends_any_item() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), max_redos=0)
    key, verify = to_verify(crowd)
    of_ann = shown(crowd, verify, CEM)
    crowd.tasks.annotate(verify, BOB, Verdict.REDO)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.STOPPED
    decisions = Decisions(crowd.parts.ledger, crowd.tasks)
    decisions.decide("cats", key, Decision.REDO, "the\nears")
    crowd.sweep()
    track = crowd.open_task(Role.TRACK)
    assert crowd.tasks.tasks[track][NOTE_FIELD] == 'The lead sends it back: "the ears".'
    assert shown(crowd, track, CEM) == of_ann
    decisions.decide("cats", key, Decision.ACCEPT)
    assert (item_of(crowd, key).state, item_of(crowd, key).redos) == (ItemState.ACCEPTED, 0)
    assert crowd.tasks.notes[track] == "The lead decided: accept. There is nothing left to do here."
    crowd.make(track, ANN, click_on(1))
    crowd.sweep()
    assert roles(crowd, key) == [Role.TRACK, Role.VERIFY, Role.TRACK]


def test_decisions_that_cannot_work_are_refused() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key = crowd.enter()
    crowd.sweep()
    decisions = Decisions(crowd.parts.ledger)
    with pytest.raises(NotFound, match="crowd 'dogs' has no item 2/41"):
        decisions.decide("dogs", key, Decision.ACCEPT)
    with pytest.raises(InvalidInput, match="cannot be sent back: its masks were not verified yet"):
        decisions.decide("cats", key, Decision.REDO)
    (step,) = crowd.parts.ledger.steps_of_item(key)
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    assert not crowd.parts.ledger.decide_item(step, Route(ItemState.ACCEPTED))


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
