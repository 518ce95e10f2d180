"""The two halves of a route: a step whose answers are complete ends, and the next one's task is made.

The end of a step and the record of the next one are one transaction. The task is made after that, each once: the first
try just asks Label Studio to make it; a later try begins when the first one's claim has ended, and looks for its task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.application.crowd.routing.arrivals import Arrivals
from backend.application.crowd.routing.filled_tasks import FilledTasks
from backend.application.crowd.routing.made_masks import Made, MadeMasks, NotMade
from backend.application.crowd.routing.ports import FACTS, KEY, NOTE_FIELD, SIGNATURE, STEP, STEP_FIELD, CrowdTasks
from backend.application.jobs.table_values import EARLIER, UNCERTAINTY, WORST_PAGE
from backend.application.ports.clock import Clock
from backend.application.ports.crowd_ledger import CrowdLedger
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.ledger import Ledger
from backend.application.review.task_signature import TaskSigner
from backend.domain.crowd.routing import Answer, Crowd, Judgement, Role, Route, Source, Start, Step
from backend.domain.crowd.routing_rules import (
    Counted,
    counted,
    decided,
    route_automatic,
    route_made,
    route_verified,
    verify_note,
    wait_of_verification,
)
from backend.domain.errors import NotFound, ServiceUnavailable
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, MaskDigests

logger = logging.getLogger(__name__)

SOON_S = 2.0
"""Between two looks for masks that are being made."""

SELDOM_S = 300.0
"""Between two looks for what needs a person. An update of the annotation is looked at when it arrives."""

ENDLESS_S = 1e18
NOT_COPIED = (WORST_PAGE, UNCERTAINTY, *EARLIER)
"""Fields of a task's data that are of its own prediction."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Ends steps and makes the tasks of the next ones."""

    ledger: CrowdLedger
    prompts: Ledger
    tasks: CrowdTasks
    arrivals: Arrivals
    made: MadeMasks
    filled: FilledTasks
    models: ModelDirectory
    signer: TaskSigner
    clock: Clock
    is_checked: Callable[[Crowd, str], bool] = lambda _crowd, _maker: True
    """Whether what a person made is verified; asked for each item that was not sent back."""

    # the end of a step

    def settle(self, crowd: Crowd, step: Step) -> bool:
        """Ends a step if its answers are complete; whether it did."""
        answers = self.ledger.answers_of(step)
        return (
            self._settle_verified(crowd, step, answers)
            if step.role is Role.VERIFY
            else self._settle_made(crowd, step, answers)
        )

    def _settle_made(self, crowd: Crowd, step: Step, answers: Sequence[Answer]) -> bool:
        """The first person whose masks are there made the item's masks."""
        route, missing = route_made(crowd, step.role), []
        start = Start.EMPTY if route.next_step is None else route.next_step.start
        for answer in answers:
            found = self.made.of(_task(step), answer, start)
            if isinstance(found, Made):
                if not self._is_verified(crowd, step, answer.user):
                    route = route_made(crowd, step.role, is_checked=False)
                told = self._to_verifiers(_with_source(route, found.source))
                return self.ledger.end_step(step, told, maker=answer.user, edited_frames=found.edited_frames)
            missing.append(found)
        self._wait_for_masks(step, missing)
        return False

    def _is_verified(self, crowd: Crowd, step: Step, maker: str) -> bool:
        item = self.ledger.item(step.item)
        return (item is not None and item.redos > 0) or self.is_checked(crowd, maker)

    def _wait_for_masks(self, step: Step, missing: Sequence[NotMade]) -> None:
        soon = [each for each in missing if each.is_soon]
        reason = (soon or list(missing) or [NotMade("", is_soon=False)])[0].reason
        at_s = self.clock.now_s() + (SOON_S if soon else SELDOM_S)
        self.ledger.look_again(step, at_s=at_s, waits=reason, uncounted={})

    def _settle_verified(self, crowd: Crowd, step: Step, answers: Sequence[Answer]) -> bool:
        judged = counted(answers, self._makers(crowd, step))
        whys = {each.answer.annotation_id: str(each.why or "") for each in judged}
        verdicts = [each.answer for each in judged if each.why is None]
        if len(verdicts) < crowd.verifiers:
            self._note_uncounted(crowd, step, judged)
            waits = wait_of_verification(judged, crowd.verifiers)
            self.ledger.look_again(step, at_s=ENDLESS_S, waits=waits, uncounted=whys)
            return False
        deciding = verdicts[: crowd.verifiers]
        self._carry_verdicts(crowd, step, deciding)
        route = self._route_verified(crowd, step, deciding)
        return self.ledger.end_step(step, route, uncounted=whys)

    def _route_verified(self, crowd: Crowd, step: Step, verdicts: Sequence[Answer]) -> Route:
        task = _task(step)
        shown = self.prompts.prompts(task)
        if step.number == 1 and any(prompt.automatic is not None for prompt in shown):
            route = route_automatic(crowd, verdicts, shown.object_ids)
        else:
            item = self.ledger.item(step.item)
            route = route_verified(crowd, 0 if item is None else item.redos, verdicts)
        return _with_source(route, Source(task))

    def _carry_verdicts(self, crowd: Crowd, step: Step, verdicts: Sequence[Answer]) -> None:
        """Gives the maker's task the verdicts that agree with the decision, as of those verifiers on these masks.

        So an export of the makers' project keeps what was accepted, and a report says who found what.
        """
        made = next((each for each in reversed(self._made_steps(crowd, step)) if each.number < step.number), None)
        if made is None:
            return
        own = next((each for each in self.ledger.answers_of(made) if each.user == made.maker), None)
        digests = MaskDigests() if own is None else self.tasks.mask_digests(own.annotation_id)
        decision = decided(verdicts)
        for answer in (each for each in verdicts if each.overall is decision):
            given: list[tuple[ObjectId | None, Judgement]] = [(None, Judgement(decision, answer.comment))]
            for object_id, each in (*given, *answer.objects.items()):
                masks = digests.of_subject(object_id)
                if masks:
                    carried = GivenVerdict(object_id, each.verdict, each.comment, masks)
                    self.prompts.set_verdict(_task(made), carried, user=answer.user)

    def _makers(self, crowd: Crowd, step: Step) -> frozenset[str]:
        return frozenset(each.maker for each in self._made_steps(crowd, step))

    def _made_steps(self, crowd: Crowd, step: Step) -> list[Step]:
        """The steps in which the item's masks were made."""
        steps = self.ledger.steps_of_item(step.item)
        return [each for each in steps if each.role is crowd.maker_role and each.maker]

    def _note_uncounted(self, crowd: Crowd, step: Step, judged: Sequence[Counted]) -> None:
        """Says on the task which verdicts do not count, and keeps it open for other people."""
        uncounted = [each for each in judged if each.why is not None]
        if len(uncounted) == step.uncounted:
            return
        task = _task(step)
        self.tasks.write_note(task, verify_note(uncounted))
        self.tasks.ask_more(task, people=crowd.verifiers + len(uncounted))
        self.ledger.set_uncounted(step, len(uncounted))

    @staticmethod
    def _to_verifiers(route: Route) -> Route:
        """A route to a verification, with what its people are told."""
        if route.next_step is None or route.next_step.role is not Role.VERIFY:
            return route
        return replace(route, next_step=replace(route.next_step, note=verify_note(())))

    # the next step's task

    def make(self, step: Step) -> None:
        """Makes and fills a claimed step's task.

        step: as it was before the claim. Raises what Label Studio raises, and ServiceUnavailable without a worker.
        """
        version = self.model_version
        if not version:
            raise ServiceUnavailable("no worker has announced its model yet; start one with: masklet worker")
        task = TaskKey(step.project_id, self._task_of(step))
        self.filled.fill(step, self.tasks.user_task(task, version))
        self.ledger.open_step(step)
        logger.info("%s: task %s is open", step.name, task)

    @property
    def model_version(self) -> str:
        """Of the announced model; empty without one."""
        model = self.models.announced()
        return "" if model is None else model.version

    def fill_again(self, step: Step) -> None:
        """Fills an open step's task for the announced model: the player shows no masks of another one.

        Raises as `make` does.
        """
        self.filled.fill(step, self.tasks.user_task(_task(step), self.model_version))

    def _task_of(self, step: Step) -> int:
        """The number of the step's task, made if there is none."""
        if step.task_id is not None:
            return step.task_id
        found = self.tasks.named(step.project_id, step.name) if step.tries > 0 else ()
        made = found[0] if found else self.tasks.create(step.project_id, self._data(step))
        kept = self.ledger.set_step_task(step, made)
        for surplus in {*found, made} - {kept}:
            self.arrivals.remove_surplus(TaskKey(step.project_id, surplus), step)
        return kept

    def _data(self, step: Step) -> dict[str, object]:
        """The data of the step before, with the new step's name and note."""
        before = self.ledger.steps_of_item(step.item)[step.number - 2]
        data = self._stored(_task(before), step)
        facts = data.get(FACTS)
        kept = {name: value for name, value in facts.items() if name != KEY} if isinstance(facts, Mapping) else {}
        signature = sign_step(self.signer, step.project_id, step.name)
        return {
            **{name: value for name, value in data.items() if name not in NOT_COPIED},
            FACTS: {**kept, STEP: step.name, SIGNATURE: signature},
            STEP_FIELD: step.name,
            NOTE_FIELD: step.note,
        }

    def _stored(self, task: TaskKey, step: Step) -> Mapping[str, object]:
        try:
            return self.tasks.data(task)
        except NotFound as error:
            raise NotFound(f"task {task}, from which the next task of item {step.item} is made, is gone") from error


def sign_step(signer: TaskSigner, project_id: int, name: str) -> str:
    """The proof that Masklet routed a task to a project, which may show media of another one."""
    return signer.sign(project_id, f"crowd step {name}")


def is_routed(signer: TaskSigner, project_id: int, data: Mapping[str, object]) -> bool:
    """Whether Masklet routed a task with these data to that project."""
    facts = data.get(FACTS)
    name = facts.get(STEP) if isinstance(facts, Mapping) else None
    if not isinstance(facts, Mapping) or not isinstance(name, str):
        return False
    return signer.verify(facts.get(SIGNATURE), project_id, f"crowd step {name}")


def _with_source(route: Route, source: Source) -> Route:
    following = route.next_step
    if following is None or following.start is Start.EMPTY:
        return route
    return replace(route, next_step=replace(following, source=replace(source, objects=following.objects)))


def _task(step: Step) -> TaskKey:
    assert step.task is not None, "only a step with a task has answers or a next step"
    return step.task
