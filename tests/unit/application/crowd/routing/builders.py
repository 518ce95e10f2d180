"""What tests of routing look at: a person's view of a task, items and their roles."""

from __future__ import annotations

from dataclasses import replace

from backend.application.player.current_masks import CurrentMasks
from backend.application.player.prediction_start import PredictionStart
from backend.application.player.prompt_index import PromptIndices
from backend.application.player.runs import UserRuns
from backend.domain.crowd.routing import Item, Role
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.crowd.routed_tasks import MODEL, CrowdOfTest
from tests.fakes.engine import FakeCodec
from tests.unit.application.builders import click_on

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
