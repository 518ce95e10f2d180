"""What holds a step up, that it is told, and that no other step is held up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.ports.projects import ProjectRecord
from backend.domain.crowd.routing import Role
from backend.domain.errors import NotFound
from backend.domain.verdicts import Verdict
from tests.fakes.crowd.routed_tasks import MODEL, PROJECTS, CrowdOfTest
from tests.fakes.projects import MemoryProjects
from tests.unit.application.builders import click_on
from tests.unit.application.crowd.routing.builders import ANN, BOB, CEM, item_of, roles, shown, to_verify


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


def test_a_second_task_of_a_step_that_was_annotated_first_takes_its_place() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key, verify = to_verify(crowd)
    masks = shown(crowd, verify, BOB)
    twin = crowd.tasks.add(PROJECTS[Role.VERIFY], crowd.tasks.tasks[verify])
    crowd.tasks.annotate(twin, BOB, Verdict.REDO)
    crowd.sweep()
    assert verify not in crowd.tasks.tasks
    assert shown(crowd, twin, BOB) == masks
    assert item_of(crowd, key).redos == 1
    assert roles(crowd, key) == [Role.TRACK, Role.VERIFY, Role.TRACK]


def test_a_second_task_of_a_step_stays_unused_where_both_are_annotated() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), verifiers=2)
    key, verify = to_verify(crowd)
    twin = crowd.tasks.add(PROJECTS[Role.VERIFY], crowd.tasks.tasks[verify])
    crowd.tasks.annotate(twin, BOB, Verdict.REDO)
    crowd.tasks.annotate(verify, CEM, Verdict.SATISFACTORY)
    crowd.sweep()
    assert crowd.open_task(Role.VERIFY) == verify
    assert {verify, twin} <= set(crowd.tasks.tasks)
    (step,) = [each for each in crowd.parts.ledger.steps_of_item(key) if each.role is Role.VERIFY]
    assert [answer.user for answer in crowd.parts.ledger.answers_of(step)] == [CEM]


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


def _raise() -> Any:  # noqa: ANN401 - in place of any answer
    raise NotFound("nothing there")


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


def test_a_project_that_is_gone_is_told_and_holds_up_no_other() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    known = {2: ProjectRecord(2, "cats: track", "<View/>")}
    ledger = crowd.parts.ledger
    track, verify = CrowdStatuses(ledger, ledger, crowd.parts.clock, MemoryProjects(known)).of("cats").queues
    assert track.problem == ""
    assert verify.problem == "project 3 is gone from Label Studio, or hidden from the token's user"
    after = crowd.tasks.after
    crowd.tasks.after = (  # type: ignore[method-assign]
        lambda project_id, task_id, *, limit: _raise() if project_id == 3 else after(project_id, task_id, limit=limit)
    )
    key = crowd.enter()
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    assert roles(crowd, key) == [Role.TRACK, Role.VERIFY]
