"""Routing of work between the people of a crowd: roles, items, steps, answers, and the step that follows them.

An item is a video on its way through the roles; a step is one task of an item in one role. Adapters make the tasks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from backend.domain.errors import InvalidInput
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

MAX_VERIFIERS = 5
MAX_REDOS = 20
HARD_FRAMES = 2
"""An object on which a person edited at least this many frames is a hard one (SAM 2's data engine, section 5)."""

STEP_NAME = re.compile(r"([^/]+)/([0-9]{1,10})/([0-9]{1,10})/([0-9]{1,6})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,39}")


class Role(StrEnum):
    """SELECT: prompts the objects on one frame. TRACK: makes the masklets. VERIFY: says whether they are right."""

    SELECT = "select"
    TRACK = "track"
    VERIFY = "verify"


ORDER = tuple(Role)


class ItemState(StrEnum):
    """OPEN: one step is not done. STOPPED: redone too often, or nobody redoes it; the lead decides."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    STOPPED = "stopped"


class StepState(StrEnum):
    """WANTED: its task is to be made or filled. OPEN: people may answer. DONE: the item went on."""

    WANTED = "wanted"
    OPEN = "open"
    DONE = "done"


class Start(StrEnum):
    """What a step's task begins with. PROMPTS: of the step before, propagated. MASKS: of the step before."""

    EMPTY = "empty"
    PROMPTS = "prompts"
    MASKS = "masks"


class Limits(StrEnum):
    """Whether it is clear where the object ends."""

    UNAMBIGUOUS = "unambiguous"
    AMBIGUOUS = "ambiguous"


class Decision(StrEnum):
    """What a lead decides of an item. REDO: back to the maker, with the masks that were verified last."""

    ACCEPT = "accept"
    REJECT = "reject"
    REDO = "redo"


class Checks(StrEnum):
    """Which made items are verified. TRUST: a share that falls with the trust in the maker; redone ones always."""

    ALL = "all"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The projects of a crowd by role, verifiers of a masklet (1 to 5), redos before an item stops, and checks.

    Raises InvalidInput for a name, number or roles that cannot work.
    """

    name: str
    projects: Mapping[Role, int]
    verifiers: int = 1
    max_redos: int = 3
    checks: Checks = Checks.ALL

    def __post_init__(self) -> None:
        require_settings(self.name, verifiers=self.verifiers, max_redos=self.max_redos)

    @property
    def maker_role(self) -> Role | None:
        """The role whose masks are verified, and who redoes them; None without one."""
        return next((role for role in (Role.TRACK, Role.SELECT) if role in self.projects), None)

    def role_after(self, role: Role) -> Role | None:
        """The next role that the crowd has."""
        return next((each for each in ORDER[ORDER.index(role) + 1 :] if each in self.projects), None)

    def role_of(self, project_id: int) -> Role | None:
        return next((role for role, number in self.projects.items() if number == project_id), None)


def require_settings(name: str, *, verifiers: int, max_redos: int) -> None:
    """Raises InvalidInput, naming the value and what it may be."""
    if NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{name[:60]!r} cannot be a crowd's name: it has 1 to 40 letters, digits, spaces and . _ - and begins with "
            "a letter or digit"
        )
    if not 1 <= verifiers <= MAX_VERIFIERS:
        raise InvalidInput(f"1 to {MAX_VERIFIERS} people verify an item, not {verifiers}")
    if not 0 <= max_redos <= MAX_REDOS:
        raise InvalidInput(f"an item is redone at most 0 to {MAX_REDOS} times, not {max_redos}")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its comment."""

    verdict: Verdict
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A submitted annotation on a step's task.

    user: as the player names the author; empty if Label Studio does not say. verdict: on the whole task; None without
    one. objects: verdicts on single objects, given in the player. updated_at: Label Studio's time of the last change.
    """

    annotation_id: int
    user: str
    verdict: Verdict | None = None
    limits: Limits | None = None
    comment: str = ""
    objects: Mapping[ObjectId, Judgement] = field(default_factory=dict)
    updated_at: str = ""

    @property
    def overall(self) -> Verdict | None:
        """The verdict on the whole task; an object that is to be redone makes a satisfactory task one to redo."""
        given = [each.verdict for each in self.objects.values()]
        if self.verdict is Verdict.SATISFACTORY and Verdict.REDO in given:
            return Verdict.REDO
        return self.verdict

    def of_object(self, object_id: ObjectId) -> Verdict | None:
        """What the person says of an object: the verdict on it, or else the one on the whole task."""
        judgement = self.objects.get(object_id)
        return self.verdict if judgement is None else judgement.verdict


@dataclass(frozen=True, slots=True)
class Item:
    """An item. key: the task with which it entered the crowd. redos: how often it was sent back so far.

    created_s, changed_s: when it entered and when its state or step changed last; the ledger's clock.
    """

    crowd: str
    key: TaskKey
    state: ItemState = ItemState.OPEN
    redos: int = 0
    created_s: float = 0.0
    changed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where a step's prompts or masks are from: a task, the user who made them, and the stored run of their masks.

    user: empty for masks that no person owns. run: empty for the newest of the user. objects: None for all.
    """

    task: TaskKey
    user: str = ""
    run: str = ""
    objects: tuple[ObjectId, ...] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an item. number: from 1. task_id: None before the task exists.

    note: what the person who does it is told. waits: why it does not go on although somebody answered; empty if it does
    not wait. maker: the author of the masks of a done step. edited_frames: the most frames that the maker prompted of
    one object. uncounted: the verdicts that do not count, as far as the task says so. tries: how often its task's
    making began. look_s: when its answers are looked at next. Times are of the ledger's clock; 0.0: not yet.
    """

    crowd: str
    item: TaskKey
    number: int
    role: Role
    project_id: int
    task_id: int | None = None
    state: StepState = StepState.WANTED
    start: Start = Start.EMPTY
    source: Source | None = None
    note: str = ""
    waits: str = ""
    maker: str = ""
    edited_frames: int = 0
    uncounted: int = 0
    tries: int = 0
    wanted_s: float = 0.0
    opened_s: float = 0.0
    done_s: float = 0.0
    look_s: float = 0.0

    @property
    def task(self) -> TaskKey | None:
        return None if self.task_id is None else TaskKey(self.project_id, self.task_id)

    @property
    def name(self) -> str:
        """Names the step in the ledger's failures, and its task in Label Studio."""
        return f"{self.crowd}/{self.item}/{self.number}"


def parse_step_name(name: str) -> tuple[str, TaskKey, int] | None:
    """The crowd, item and number of a step by its name; None for another text."""
    found = STEP_NAME.fullmatch(name)
    return None if found is None else (found[1], TaskKey(int(found[2]), int(found[3])), int(found[4]))


@dataclass(frozen=True, slots=True)
class NextStep:
    """The step that follows: its role and start. objects: those to begin with; None for all."""

    role: Role
    start: Start
    objects: tuple[ObjectId, ...] | None = None
    note: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an item goes after a step: to another step, or to an end. is_redo: whether it was sent back."""

    state: ItemState
    next_step: NextStep | None = None
    is_redo: bool = False
