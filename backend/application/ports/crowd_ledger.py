"""What routing in a crowd asks of the ledger, as a protocol: crowds, items, their steps and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.domain.crowd.routing import Answer, Crowd, Item, ItemState, Role, Route, Step
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class CrowdRecord:
    """A crowd with the projects made so far. roles: those it shall have. label_config: from which they are made.

    is_ready: whether all its projects are made and connected. Until then nothing is routed.
    """

    crowd: Crowd
    roles: tuple[Role, ...]
    label_config: str
    is_ready: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a project was read: Label Studio's time of the last change, and the highest task number."""

    changed_at: str = ""
    task_id: int = 0


@dataclass(frozen=True, slots=True)
class StepCounts:
    """The steps of a role. oldest_s: when the oldest open step was opened; None without one.

    done_s: when the steps ended that ended since the asked time, ascending.
    """

    wanted: int = 0
    open: int = 0
    answered: int = 0
    done: int = 0
    oldest_s: float | None = None
    done_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MakerVerdict:
    """A counted verdict of a person on the masks of another. task: of the verification. at_s: when it ended."""

    item: TaskKey
    task: TaskKey
    maker: str
    verifier: str
    verdict: Verdict
    at_s: float


class CrowdLedger(Protocol):
    """A part of the Ledger. What is written is on disk on return, whole or not at all."""

    # crowds

    def crowd_records(self) -> tuple[CrowdRecord, ...]:
        """All crowds, by name."""
        ...

    def crowd_record(self, name: str) -> CrowdRecord | None: ...

    def add_crowd(self, record: CrowdRecord) -> bool:
        """Records a crowd without projects; False if there is one of that name."""
        ...

    def set_crowd_project(self, name: str, role: Role, project_id: int) -> None:
        """Records the project of a role. The first one stays."""
        ...

    def set_crowd_ready(self, name: str) -> None: ...

    def crowd_of_project(self, project_id: int) -> CrowdRecord | None:
        """The crowd that a project is of."""
        ...

    def crowd_cursor(self, project_id: int) -> Cursor: ...

    def set_crowd_cursor(self, project_id: int, cursor: Cursor) -> None: ...

    # items and steps

    def add_items(self, crowd: str, role: Role, tasks: Iterable[TaskKey]) -> int:
        """Records tasks as items whose first step is open; known tasks stay. Returns the count of new items."""
        ...

    def item(self, key: TaskKey) -> Item | None: ...

    def steps_of_item(self, key: TaskKey) -> tuple[Step, ...]:
        """In their order."""
        ...

    def open_steps(self, project_id: int) -> tuple[Step, ...]:
        """The open steps whose tasks are in a project."""
        ...

    def step_of_task(self, task: TaskKey) -> Step | None: ...

    def step_named(self, project_id: int, name: str) -> Step | None:
        """The step of that name (Step.name) and project."""
        ...

    def note_answers(self, step: Step, answers: Sequence[Answer]) -> bool:
        """Replaces the answers of a step that is not done; it is due if they changed. Returns whether they did."""
        ...

    def answers_of(self, step: Step) -> tuple[Answer, ...]:
        """By annotation."""
        ...

    def due_steps(self, now_s: float, *, limit: int = 50) -> tuple[Step, ...]:
        """Open steps with answers to look at, and none that waits for a next try."""
        ...

    def look_again(self, step: Step, *, at_s: float, waits: str, uncounted: Mapping[int, str]) -> None:
        """Lets a step be due at a time, or when its answers change, unless they changed since it was read.

        uncounted: why answers do not count, by annotation; empty for those that do.
        """
        ...

    def end_step(
        self, step: Step, route: Route, *, maker: str = "", edited_frames: int = 0, uncounted: Mapping[int, str] = {}
    ) -> bool:
        """Ends an open step, and begins the next one or ends the item, at once. False if it is not open any more."""
        ...

    def decide_item(self, last: Step, route: Route) -> bool:
        """Ends whatever step of an item is not done, and begins the next one or ends the item, at once.

        last: the item's last step. False if there is a later one.
        """
        ...

    def wanted_steps(self, now_s: float, *, limit: int = 20) -> tuple[Step, ...]:
        """Steps whose task is to be made or filled, that are not claimed, and wait for no next try."""
        ...

    def claim_step(self, step: Step, *, until_s: float) -> bool:
        """Claims a wanted step and counts a try; False if another process has claimed it or it is open."""
        ...

    def release_step(self, step: Step) -> None:
        """Gives a claim back."""
        ...

    def set_step_task(self, step: Step, task_id: int) -> int:
        """Records the task of a step that has none; returns the number of the task that it has."""
        ...

    def replace_step_task(self, step: Step, task_id: int) -> bool:
        """Gives a step another task, which is to be filled; False if it is done or has another than `step` says."""
        ...

    def open_step(self, step: Step) -> None:
        """Lets people answer a wanted step."""
        ...

    def unfilled_steps(self, now_s: float, *, model_version: str, limit: int = 5) -> tuple[Step, ...]:
        """Open steps that begin with something, and whose task has no propagation of that model; as of wanted_steps."""
        ...

    def set_uncounted(self, step: Step, count: int) -> None:
        """Records how many verdicts that do not count the task says."""
        ...

    # counts

    def item_counts(self, crowd: str) -> Mapping[ItemState, int]: ...

    def items_in(self, crowd: str, state: ItemState, *, limit: int) -> tuple[Item, ...]:
        """By the time of their last change, the newest first."""
        ...

    def step_counts(self, crowd: str, *, since_s: float) -> Mapping[Role, StepCounts]: ...

    def waiting_steps(self, crowd: str, *, limit: int) -> tuple[Step, ...]:
        """Open steps that wait for something (Step.waits), the oldest first."""
        ...

    def edited_counts(self, crowd: str, role: Role, *, hard_frames: int) -> tuple[int, int]:
        """How many done steps of a role have at least, and fewer than, so many edited frames.

        Steps without any are left out.
        """
        ...

    def maker_verdicts(self, crowd: str) -> tuple[MakerVerdict, ...]:
        """The counted verdicts of ended verifications, in the order of their end."""
        ...
