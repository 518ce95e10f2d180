"""Crowds, items, steps and answers, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

from dataclasses import replace

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.crowd_ledger import CrowdRecord, Cursor, MakerVerdict, StepCounts
from backend.domain.crowd.routing import (
    Answer,
    Checks,
    Crowd,
    Item,
    ItemState,
    Judgement,
    Limits,
    NextStep,
    Role,
    Route,
    Source,
    Start,
    Step,
    StepState,
)
from backend.domain.geometry import Point
from backend.domain.jobs import JobState, PropagationRequest, PushState, run_name
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import Verdict
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock

ANN, BOB = "ann@example.org", "bob@example.org"
TRACK, VERIFY = 3, 4
TASK = TaskKey(TRACK, 41)
RECORD = CrowdRecord(Crowd("cats", {}, verifiers=2, checks=Checks.TRUST), (Role.TRACK, Role.VERIFY), "<View/>")
TO_VERIFY = Route(ItemState.OPEN, NextStep(Role.VERIFY, Start.MASKS, note="n", source=Source(TASK, ANN, "m-1-a1")))


def crowd_of(ledger: SqlLedger) -> None:
    assert ledger.add_crowd(RECORD)
    ledger.set_crowd_project("cats", Role.TRACK, TRACK)
    ledger.set_crowd_project("cats", Role.VERIFY, VERIFY)
    ledger.set_crowd_ready("cats")


def first_step(ledger: SqlLedger) -> Step:
    assert ledger.add_items("cats", Role.TRACK, [TASK]) == 1
    step = ledger.step_of_task(TASK)
    assert step is not None
    return step


def test_a_crowd_is_recorded_once_and_its_first_projects_stay(ledger: SqlLedger) -> None:
    crowd_of(ledger)
    assert not ledger.add_crowd(replace(RECORD, label_config="other"))
    ledger.set_crowd_project("cats", Role.TRACK, 99)
    whole = Crowd("cats", {Role.TRACK: TRACK, Role.VERIFY: VERIFY}, verifiers=2, checks=Checks.TRUST)
    ready = CrowdRecord(whole, RECORD.roles, "<View/>", is_ready=True)
    assert (ledger.crowd_records(), ledger.crowd_record("cats")) == ((ready,), ready)
    assert ledger.crowd_of_project(VERIFY) == ready
    assert (ledger.crowd_of_project(99), ledger.crowd_record("dogs")) == (None, None)
    assert ledger.crowd_cursor(TRACK) == Cursor()
    ledger.set_crowd_cursor(TRACK, Cursor("2026-01-01T00:00:00.000000Z", 41))
    assert ledger.crowd_cursor(TRACK) == Cursor("2026-01-01T00:00:00.000000Z", 41)


def test_a_task_enters_a_crowd_once(ledger: SqlLedger) -> None:
    crowd_of(ledger)
    step = first_step(ledger)
    assert (step.number, step.role, step.state, step.task) == (1, Role.TRACK, StepState.OPEN, TASK)
    assert ledger.add_items("cats", Role.TRACK, [TASK, TaskKey(TRACK, 42)]) == 1
    assert ledger.item(TASK) == Item("cats", TASK, ItemState.OPEN, 0, 1000.0, 1000.0)
    assert ledger.step_named(TRACK, "cats/3/41/1") == step
    assert ledger.step_named(VERIFY, "cats/3/41/1") is None
    assert ledger.step_named(TRACK, "no name") is None


def test_a_step_is_due_when_its_answers_change(ledger: SqlLedger, clock: FakeClock) -> None:
    crowd_of(ledger)
    step = first_step(ledger)
    assert ledger.due_steps(9e9) == ()
    objects = {ObjectId("Cat 1"): Judgement(Verdict.REDO, "an ear")}
    answer = Answer(7, ANN, Verdict.REDO, Limits.AMBIGUOUS, "left", objects, "1")
    assert ledger.note_answers(step, [answer])
    assert not ledger.note_answers(step, [answer])
    assert ledger.answers_of(step) == (answer,)
    (due,) = ledger.due_steps(1000.0)
    ledger.look_again(due, at_s=1030.0, waits="no masks", uncounted={7: "why"})
    assert ledger.due_steps(1029.0) == ()
    (due,) = ledger.due_steps(1030.0)
    assert due.waits == "no masks"
    clock.advance(5)
    assert ledger.note_answers(step, [answer, Answer(8, BOB)])
    ledger.look_again(due, at_s=9e9, waits="older", uncounted={})  # of the answers before
    (due,) = ledger.due_steps(1005.0)
    assert due.waits == ""
    ledger.note_answers(step, [])
    assert ledger.due_steps(9e9) == ()


def test_the_end_of_a_step_and_the_next_one_are_one_and_happen_once(ledger: SqlLedger, clock: FakeClock) -> None:
    crowd_of(ledger)
    step = first_step(ledger)
    clock.advance(10)
    assert ledger.end_step(step, TO_VERIFY, maker=ANN, edited_frames=2)
    assert not ledger.end_step(step, TO_VERIFY, maker=BOB, edited_frames=1)
    assert not ledger.note_answers(step, [Answer(9, BOB)])
    done, verify = ledger.steps_of_item(TASK)
    assert (done.state, done.maker, done.edited_frames, done.done_s) == (StepState.DONE, ANN, 2, 1010.0)
    following = TO_VERIFY.next_step
    assert following is not None
    assert (verify.role, verify.project_id, verify.task_id, verify.state) == (
        Role.VERIFY,
        VERIFY,
        None,
        StepState.WANTED,
    )
    assert (verify.start, verify.source, verify.note, verify.number) == (Start.MASKS, following.source, "n", 2)
    assert not ledger.end_step(verify, Route(ItemState.ACCEPTED))  # nobody could answer it yet


def test_a_wanted_step_is_claimed_once_and_keeps_its_first_task(ledger: SqlLedger, clock: FakeClock) -> None:
    crowd_of(ledger)
    ledger.end_step(first_step(ledger), TO_VERIFY, maker=ANN)
    (wanted,) = ledger.wanted_steps(1000.0)
    assert wanted.tries == 0
    assert ledger.claim_step(wanted, until_s=1060.0)
    assert not ledger.claim_step(wanted, until_s=1060.0)
    assert ledger.wanted_steps(1059.0) == ()
    clock.advance(60)
    (again,) = ledger.wanted_steps(1060.0)
    assert again.tries == 1
    assert (ledger.set_step_task(again, 51), ledger.set_step_task(again, 52)) == (51, 51)
    ledger.open_step(again)
    assert ledger.wanted_steps(9e9) == ()
    assert not ledger.claim_step(again, until_s=9e9)
    opened = ledger.step_of_task(TaskKey(VERIFY, 51))
    assert opened is not None
    assert (opened.state, opened.opened_s) == (StepState.OPEN, 1060.0)
    ledger.set_uncounted(opened, 1)
    assert [step.uncounted for step in ledger.steps_of_item(TASK)] == [0, 1]


def test_another_task_takes_the_place_of_a_steps_until_the_step_is_done(ledger: SqlLedger, clock: FakeClock) -> None:
    crowd_of(ledger)
    step = first_step(ledger)
    assert ledger.replace_step_task(step, 52)
    assert not ledger.replace_step_task(step, 53), "it has another one by now"
    moved = ledger.step_of_task(TaskKey(TRACK, 52))
    assert moved == replace(step, task_id=52, state=StepState.WANTED)
    assert ledger.wanted_steps(1000.0) == (moved,)
    assert ledger.step_of_task(TASK) is None
    ledger.open_step(moved)
    ledger.end_step(moved, TO_VERIFY, maker=ANN)
    assert not ledger.replace_step_task(moved, 54)


def test_a_failed_step_waits_for_its_next_try(ledger: SqlLedger) -> None:
    crowd_of(ledger)
    ledger.end_step(first_step(ledger), TO_VERIFY, maker=ANN)
    (wanted,) = ledger.wanted_steps(1000.0)
    failed = FailedTry(FailureKind.ROUTE, wanted.name, TASK, Failures("LabelStudioRefused", 1, 990.0), 1030.0)
    ledger.record_failure(failed)
    assert (ledger.wanted_steps(1029.0), len(ledger.wanted_steps(1030.0))) == ((), 1)
    ledger.record_failure(replace(failed, is_given_up=True))
    assert ledger.wanted_steps(9e9) == ()
    assert ledger.retry_given_up(project_id=TRACK) == 1
    ledger.set_step_task(wanted, 51)
    ledger.open_step(wanted)
    assert ledger.failed_tries() == ()


def test_counts_and_lists(ledger: SqlLedger, clock: FakeClock) -> None:
    crowd_of(ledger)
    step = first_step(ledger)
    ledger.add_items("cats", Role.TRACK, [TaskKey(TRACK, 42)])
    clock.advance(10)
    ledger.end_step(step, TO_VERIFY, maker=ANN, edited_frames=2)
    (wanted,) = ledger.wanted_steps(9e9)
    counts = ledger.step_counts("cats", since_s=0.0)
    assert counts[Role.TRACK] == StepCounts(open=1, done=1, oldest_s=1000.0, done_s=(1010.0,))
    assert counts[Role.VERIFY] == StepCounts(wanted=1)
    assert ledger.step_counts("cats", since_s=1011.0)[Role.TRACK].done_s == ()
    ledger.set_step_task(wanted, 51)
    ledger.open_step(wanted)
    (_, verify) = ledger.steps_of_item(TASK)
    ledger.note_answers(verify, [Answer(7, ANN, Verdict.SATISFACTORY), Answer(8, BOB, Verdict.REDO)])
    (due,) = ledger.due_steps(9e9)
    ledger.look_again(due, at_s=9e9, waits="another person", uncounted={7: "maker"})
    assert [each.waits for each in ledger.waiting_steps("cats", limit=5)] == ["another person"]
    assert ledger.step_counts("cats", since_s=0.0)[Role.VERIFY] == StepCounts(answered=1, oldest_s=1010.0)
    ledger.end_step(verify, Route(ItemState.STOPPED), uncounted={7: "maker", 8: ""})
    assert ledger.item_counts("cats") == {ItemState.OPEN: 1, ItemState.STOPPED: 1}
    assert [item.key for item in ledger.items_in("cats", ItemState.STOPPED, limit=5)] == [TASK]
    assert ledger.edited_counts("cats", Role.TRACK, hard_frames=2) == (1, 0)
    judged = MakerVerdict(TASK, TaskKey(VERIFY, 51), ANN, BOB, Verdict.REDO, 1010.0)
    assert ledger.maker_verdicts("cats") == (judged,)


def test_open_steps_without_masks_of_a_model_are_found(ledger: SqlLedger) -> None:
    crowd_of(ledger)
    ledger.end_step(first_step(ledger), TO_VERIFY, maker=ANN)
    (wanted,) = ledger.wanted_steps(1000.0)
    ledger.set_step_task(wanted, 51)
    assert (ledger.open_steps(VERIFY), ledger.unfilled_steps(1000.0, model_version="v1")) == ((), ())
    ledger.open_step(wanted)
    (found,) = ledger.unfilled_steps(1000.0, model_version="v1")
    assert ledger.open_steps(VERIFY) == (found,)
    prompts = PromptSet.of([FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))], {})
    media = MediaRef(("/data/clip.mp4",), is_pages=False)
    ledger.adopt_run(PropagationRequest(TaskKey(VERIFY, 51), media, prompts, model_version="v1"), "p-1-a1", attempt=1)
    assert ledger.unfilled_steps(1000.0, model_version="v1") == ()
    assert ledger.unfilled_steps(1000.0, model_version="v2") == (found,)


def test_a_run_that_is_stored_already_is_a_finished_propagation_that_is_pushed(ledger: SqlLedger) -> None:
    prompts = PromptSet.of([FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))], {})
    request = PropagationRequest(TASK, MediaRef(("/data/clip.mp4",), is_pages=False), prompts, model_version="v1")
    job = ledger.adopt_run(request, "p-1-a1", attempt=1)
    assert (job.state, job.masks_run, job.user, ledger.prompts(TASK).digest()) == (
        JobState.DONE,
        "p-1-a1",
        "",
        prompts.digest(),
    )
    assert ledger.adopt_run(request, "other", attempt=1) == job
    push = ledger.latest_push(TASK)
    assert push is not None
    assert (push.job_id, push.state) == (job.job_id, PushState.PENDING)
    again = ledger.adopt_run(request, run_name(job.job_id, 2), attempt=2)
    assert (again.attempt, again.masks_run) == (2, run_name(job.job_id, 2))
