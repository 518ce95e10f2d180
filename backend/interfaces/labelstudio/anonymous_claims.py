"""Whose anonymous prompts become: the user's whose draft shows their answers, or cannot show them yet."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.api.client import DraftRecord
from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.drafts import Draft, newest_draft, shows_prediction
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.prompt_ownership import ObjectFrameKey, PromptOwnership, ViewState
from backend.application.annotation.superseded import prompted
from backend.bootstrap.web import WebParts
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey, is_anonymous
from backend.interfaces.labelstudio.anonymous_annotators import AnonymousAnnotators

logger = logging.getLogger(__name__)

DRAFT_TRIES = 3
DRAFT_PAUSE_S = 0.3

Claims = dict[str, frozenset[ObjectFrameKey]]
"""Objects on frames by anonymous annotator."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A request's user task and draft, and what was claimed for its user.

    named: the user who received the latest anonymous annotator's prompts in this request, for one without a user; empty
    without one. sees_prediction: whether the page opened with our prediction.
    """

    user_task: UserTask
    claims: Claims
    draft: Draft
    named: str
    sees_prediction: bool


@dataclass(frozen=True, slots=True)
class AnonymousClaims:
    """Moves prompts for one label config."""

    parts: WebParts
    binding: Binding

    def settle(self, user_task: UserTask, task: Mapping[str, object]) -> Settled:
        """Moves the prompts whose answers the request's draft shows. task: Label Studio's."""
        user_task, named = (user_task, "") if user_task.user else self._assigned(user_task)
        sees_prediction = shows_prediction(task, user_task.model_version)
        draft = newest_draft(task)
        claims, _ = self._claim(user_task, draft.result, sees_prediction=sees_prediction)
        return Settled(user_task, claims, draft, named, sees_prediction)

    def settle_unshown(self, settled: Settled, *, is_action: bool) -> Settled:
        """Moves prompts whose answers no draft can show yet to a user without prompts.

        is_action: whether the request is an action label, which needs prompts.
        """
        user_task = settled.user_task
        if self._prompts(user_task):
            return settled
        if is_action and settled.named:
            return replace(settled, user_task=replace(user_task, user=settled.named))
        if is_action or self.annotators.waited_at(user_task.task, settled.draft.saved_s):
            claims = self._claim_as_only_user(user_task, with_unanswered=not settled.sees_prediction)
            return replace(settled, claims={**settled.claims, **claims})
        return settled

    @property
    def annotators(self) -> AnonymousAnnotators:
        return AnonymousAnnotators(self.parts.key_values, self.parts.annotation_service.clock, self.binding)

    def _claim(
        self, user_task: UserTask, result: Sequence[object], *, sees_prediction: bool = False
    ) -> tuple[Claims, frozenset[str]]:
        """Moves the prompts of anonymous annotators whose answers a draft's result shows to the draft's user.

        Returns the objects and frames by anonymous annotator, and the annotators with prompts that moved.
        """
        claims = self.annotators.match(user_task.task, result) if result else {}
        return claims, self._move_claimed(user_task, ViewState(claims, sees_prediction))

    def _move_claimed(self, user_task: UserTask, view: ViewState) -> frozenset[str]:
        """Moves claimed prompts to a user. Returns the anonymous annotators with prompts that moved."""
        task, claims = user_task.task, view.claims
        before = {name: len(self.parts.ledger.prompts(task, user=name).prompts) for name in claims}
        PromptOwnership(self.parts.annotation_service, self.parts.key_values).settle(user_task, view)
        after = {name: len(self.parts.ledger.prompts(task, user=name).prompts) for name in claims}
        moved = frozenset(name for name in claims if after[name] < before[name])
        for name in moved:
            self.annotators.mark_named(task, name)
        return moved

    def _assigned(self, user_task: UserTask) -> tuple[UserTask, str]:
        """The user task of an anonymous annotator, after users with a draft have received their own prompts.

        Second: the user who received the latest annotator's prompts in this call; empty without one. Label Studio may
        have sent the request before it saved that user's draft. An action needs prompts, so it is that user's.
        """
        named = self.claim_by_drafts(user_task)
        return self.annotators.assign(user_task), named

    def claim_by_drafts(self, user_task: UserTask) -> str:
        """Moves the prompts of anonymous annotators to the users whose drafts show their answers.

        Returns the user who received the latest annotator's prompts; empty without one. Reads no draft where the
        latest annotator has no prompts.
        """
        latest = self.annotators.latest(user_task.task)
        if latest is None or not self._prompts(replace(user_task, user=latest)):
            return ""
        named = ""
        for draft in self._drafts(user_task.task):
            _, moved = self._claim(replace(user_task, user=draft.user), draft.result)
            if latest in moved:
                named = draft.user
        return named

    def _claim_as_only_user(self, user_task: UserTask, *, with_unanswered: bool) -> Claims:
        """Moves the latest anonymous annotator's prompts to a user, if no other user has a draft of the task.

        with_unanswered: also where no answer came; a task with a prediction may have a batch's prompts among them.
        Without Auto-Accept, while a page's picture loads, and before a slow answer, Label Studio saves a draft that
        shows no answer.
        """
        claims = {} if is_anonymous(user_task.user) else self.annotators.shown_lately(user_task.task)
        if not claims or {draft.user for draft in self._drafts(user_task.task)} - {user_task.user}:
            return {}
        if with_unanswered:
            claims = {name: shown or self._prompted(replace(user_task, user=name)) for name, shown in claims.items()}
        self._move_claimed(user_task, ViewState(claims))
        return claims

    def _drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]:
        """The drafts of all users; empty if Label Studio does not list them in DRAFT_TRIES.

        Label Studio on SQLite refuses a request while another one writes. One refusal may not mix two users' prompts.
        """
        if self.parts.drafts is None:
            return ()
        for left in reversed(range(DRAFT_TRIES)):
            try:
                return self.parts.drafts.drafts(task)
            except MaskletError as error:
                logger.warning("task %s: its drafts cannot be read (tries left: %d): %s", task, left, error)
                if not left or not isinstance(error, ServiceUnavailable):
                    break
                self.parts.annotation_service.clock.sleep(DRAFT_PAUSE_S)
        return ()

    def _prompted(self, user_task: UserTask) -> frozenset[ObjectFrameKey]:
        return prompted(self._prompts(user_task))

    def _prompts(self, user_task: UserTask) -> PromptSet:
        return self.parts.ledger.prompts(user_task.task, user=user_task.user)
