"""What the lead's page alone asks of the ledger, as a protocol: one read of a project, and orders to propagate.

Rows of which a project has thousands are named tuples, which are made in a third of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from backend.domain.jobs import JobState
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import UserVerdict


class UserPrompts(NamedTuple):
    """A person's prompts of a task: the count of objects, and the sequence number of the newest prompt."""

    task: TaskKey
    user: str
    objects: int
    sequence: int


@dataclass(frozen=True, slots=True)
class UserObject:
    """An object of a person, and its label."""

    task: TaskKey
    user: str
    object_id: ObjectId
    label: str


class LabelledObjects(NamedTuple):
    """The count of objects of a label in a task; an object that several people have counts once."""

    task: TaskKey
    label: str
    objects: int


class UserJob(NamedTuple):
    """A person's newest propagation of a task in any state, without what a list does not need.

    user: of its request; SEVERAL_USERS after a second one's. done, total: frames. reason: why it failed or ended.
    sequence: of its newest request. masks_run: that of the person's newest finished propagation; empty without one.
    """

    task: TaskKey
    user: str
    state: JobState
    reason: str
    done: int
    total: int
    sequence: int
    masks_run: str = ""


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """An object in a run. frames: with a mask. area_px: mean of these masks, pixels. uncertainty: the largest."""

    object_id: ObjectId
    label: str
    frames: int
    area_px: float
    uncertainty: float


class RunFigures(NamedTuple):
    """What is told of a person's newest finished propagation without reading its masks again.

    uncertainty: the largest of a mask, 0..1. worst_frame: where it is. frame_count: of the video.
    """

    task: TaskKey
    user: str
    masks_run: str
    frame_count: int
    uncertainty: float
    worst_frame: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The figures of a run, and of its objects."""

    figures: RunFigures
    objects: tuple[ObjectSummary, ...]


@dataclass(frozen=True, slots=True)
class PlacedVerdict:
    """A verdict, and its place in the ledger's sequence; 0 for one of an earlier build."""

    verdict: UserVerdict
    sequence: int


@dataclass(frozen=True, slots=True)
class ProjectRows:
    """A project as the ledger has it, all of one moment."""

    prompts: tuple[UserPrompts, ...] = ()
    labels: tuple[LabelledObjects, ...] = ()
    jobs: tuple[UserJob, ...] = ()
    figures: tuple[RunFigures, ...] = ()
    verdicts: tuple[PlacedVerdict, ...] = ()


class OrderState(StrEnum):
    """PENDING: not submitted yet. SUBMITTED: it is a job. REFUSED: it could not be submitted. CANCELLED: taken back."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """A propagation of a person's prompts of a task that a lead ordered.

    job_state: of its job; None without one. done, total: frames of its job. reason: why it was refused or failed.
    """

    task: TaskKey
    user: str
    state: OrderState
    job_id: str = ""
    job_state: JobState | None = None
    done: int = 0
    total: int = 0
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether something is still to happen."""
        is_running = self.job_state is not None and not self.job_state.is_final
        return self.state is OrderState.PENDING or (self.state is OrderState.SUBMITTED and is_running)


class LeadLedger(Protocol):
    """A part of the Ledger. Orders are on disk on return."""

    def known_projects(self) -> tuple[int, ...]:
        """The projects with prompts or jobs, ascending."""
        ...

    def project_rows(self, project_id: int) -> ProjectRows:
        """One read, whatever the count of tasks: no requests and no masks. The same object while nothing is written."""
        ...

    def objects(self, project_id: int) -> tuple[UserObject, ...]:
        """Everybody's objects in a project, with their labels."""
        ...

    def summaries(self, project_id: int) -> tuple[RunSummary, ...]:
        """All summaries of a project."""
        ...

    def put_summary(self, summary: RunSummary) -> None:
        """Replaces the summary of the same person and task. It can be made again: a power cut may undo it."""
        ...

    def run_figures(self, task: TaskKey, masks_run: str) -> RunFigures | None:
        """The figures of a run of the task; None if it was not made yet."""
        ...

    def place_orders(self, project_id: int, wanted: Sequence[tuple[TaskKey, str]]) -> int:
        """Orders propagations of these tasks and users, except open orders; returns the count of new ones.

        Final orders of the project are forgotten.
        """
        ...

    def orders(self, project_id: int) -> tuple[Order, ...]:
        """The orders of a project with their jobs, by task and user."""
        ...

    def pending_orders(self, *, limit: int) -> tuple[Order, ...]:
        """Pending orders of all projects, in the order in which they were placed."""
        ...

    def settle_order(self, order: Order, *, job_id: str, reason: str = "") -> bool:
        """Marks a pending order as submitted, or as refused for a reason; False if it is not pending any more."""
        ...

    def cancel_orders(self, project_id: int) -> tuple[Order, ...]:
        """Cancels the pending orders of a project; returns the submitted ones, whose jobs may be open."""
        ...
