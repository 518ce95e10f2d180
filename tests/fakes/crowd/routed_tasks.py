"""A CrowdTasks in memory, and a crowd on the real ledger and mask store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.change_detection import record_adoption
from backend.application.crowd.routing.arrivals import Arrivals
from backend.application.crowd.routing.filled_tasks import FilledTasks
from backend.application.crowd.routing.made_masks import MadeMasks
from backend.application.crowd.routing.ports import FACTS, STEP, FoundTask, Submission, TaskChange
from backend.application.crowd.routing.router import Router
from backend.application.crowd.routing.steps import Steps
from backend.application.player.user_record import UserRecords
from backend.application.ports.crowd_ledger import CrowdRecord
from backend.application.review.task_signature import TaskSigner
from backend.domain.crowd.routing import ORDER, Crowd, ItemState, Limits, Role, StepState
from backend.domain.errors import LabelStudioUnavailable, NotFound
from backend.domain.jobs import ModelInfo
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import MaskDigests, Verdict
from tests.fakes.engine import FakeCodec
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import Parts

MODEL = ModelInfo("fake", "masklet-fake-00000000", 64, "cpu", is_demo=True)
PROJECTS = {Role.SELECT: 1, Role.TRACK: 2, Role.VERIFY: 3}
SIGNER = TaskSigner(b"a key of the test")


@dataclass
class MemoryCrowdTasks:
    """tasks: data by task. created: all that were ever made. lost_answers: how many creations answer nothing.

    notes, people: as they were told. digests: of masks, by annotation. Times of changes are counted in seconds.
    """

    tasks: dict[TaskKey, dict[str, object]] = field(default_factory=dict)
    annotations: dict[TaskKey, list[Submission]] = field(default_factory=dict)
    changes: dict[TaskKey, str] = field(default_factory=dict)
    created: list[TaskKey] = field(default_factory=list)
    notes: dict[TaskKey, str] = field(default_factory=dict)
    people: dict[TaskKey, int] = field(default_factory=dict)
    digests: dict[int, MaskDigests] = field(default_factory=dict)
    lost_answers: int = 0
    time: int = 0

    def add(self, project_id: int, data: Mapping[str, object]) -> TaskKey:
        key = TaskKey(project_id, 1 + max((task.task_id for task in self.tasks), default=40))
        self.tasks[key] = dict(data)
        return key

    def annotate(
        self, task: TaskKey, user: str, verdict: Verdict | None = None, comment: str = "", limits: Limits | None = None
    ) -> int:
        self.time += 1
        number = 1 + sum(map(len, self.annotations.values()))
        at = f"2026-01-01T00:{self.time // 60:02}:{self.time % 60:02}.000000Z"
        self.annotations.setdefault(task, []).append(Submission(number, user, False, at, verdict, limits, comment))
        self.changes[task] = at
        return number

    def changed(self, project_id: int, *, since: str, limit: int) -> tuple[TaskChange, ...]:
        found = sorted((at, task.task_id) for task, at in self.changes.items() if task.project_id == project_id)
        return tuple(TaskChange(number, at) for at, number in found if at >= since)[:limit]

    def after(self, project_id: int, task_id: int, *, limit: int) -> tuple[FoundTask, ...]:
        found = sorted(t.task_id for t in self.tasks if t.project_id == project_id and t.task_id > task_id)
        return tuple(FoundTask(number, self._step(TaskKey(project_id, number))) for number in found[:limit])

    def _step(self, task: TaskKey) -> str:
        facts = self.tasks[task].get(FACTS)
        return str(facts.get(STEP, "")) if isinstance(facts, dict) else ""

    def named(self, project_id: int, step: str) -> tuple[int, ...]:
        return tuple(sorted(t.task_id for t in self.tasks if t.project_id == project_id and self._step(t) == step))

    def submissions(self, task: TaskKey) -> tuple[Submission, ...]:
        if task not in self.tasks:
            raise NotFound("Label Studio has nothing there")
        return tuple(self.annotations.get(task, ()))

    def mask_digests(self, annotation_id: int) -> MaskDigests:
        return self.digests.get(annotation_id, MaskDigests())

    def data(self, task: TaskKey) -> Mapping[str, object]:
        if task not in self.tasks:
            raise NotFound("Label Studio has nothing there")
        return self.tasks[task]

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        task = self.add(project_id, data)
        self.created.append(task)
        if self.lost_answers:
            self.lost_answers -= 1
            raise LabelStudioUnavailable("Label Studio did not answer in time")
        return task.task_id

    def remove(self, task: TaskKey) -> None:
        del self.tasks[task]

    def write_note(self, task: TaskKey, note: str) -> None:
        self.notes[task] = note

    def ask_more(self, task: TaskKey, *, people: int) -> None:
        self.people[task] = people

    def user_task(self, task: TaskKey, model_version: str) -> UserTask:
        return UserTask(task, MediaRef((str(self.data(task)["video"]),), is_pages=False), "<View/>", model_version)


@dataclass
class Models:
    """A ModelDirectory; model None: no worker has announced one."""

    model: ModelInfo | None = MODEL

    def announced(self) -> ModelInfo | None:
        return self.model


@dataclass
class CrowdOfTest:
    """A crowd, its router, and the people who annotate. wrap: around the collaborators of each new router."""

    roles: tuple[Role, ...] = ORDER
    verifiers: int = 1
    max_redos: int = 3
    parts: Parts = field(default_factory=Parts)
    tasks: MemoryCrowdTasks = field(default_factory=MemoryCrowdTasks)
    wrap: Callable[[object], object] = lambda collaborator: collaborator
    models: Models = field(default_factory=Models)
    unchecked: frozenset[str] = frozenset()
    """People whose masks are not verified."""

    def __post_init__(self) -> None:
        ledger = self.parts.ledger
        ledger.add_crowd(CrowdRecord(Crowd("cats", {}, self.verifiers, self.max_redos), self.roles, "<View/>"))
        for role in self.roles:
            ledger.set_crowd_project("cats", role, PROJECTS[role])
        ledger.set_crowd_ready("cats")
        self.key_values = MemoryKeyValueStore()
        self.records = UserRecords(self.key_values)

    def router(self) -> Router:
        """The router of a new process."""
        ledger, tasks = self.parts.ledger, self.tasks
        wrapped: tuple[object, object] = (self.wrap(ledger), self.wrap(tasks))
        crowd_ledger, crowd_tasks = wrapped
        arrivals = Arrivals(crowd_ledger, ledger, crowd_tasks)  # type: ignore[arg-type]
        steps = Steps(
            crowd_ledger,  # type: ignore[arg-type]
            ledger,
            crowd_tasks,  # type: ignore[arg-type]
            arrivals,
            MadeMasks(self.parts.service, self.records, self.key_values),
            FilledTasks(self.parts.service, FakeCodec()),
            self.models,
            SIGNER,
            self.parts.clock,
            lambda _, maker: maker not in self.unchecked,
        )
        return Router(crowd_ledger, ledger, steps, self.parts.clock, random=lambda: 0.0)  # type: ignore[arg-type]

    def sweep(self, router: Router | None = None, *, times: int = 3) -> None:
        """Sweeps with minutes between, so that everything that is due is done."""
        router = router or self.router()
        for _ in range(times):
            router.sweep()
            self.parts.clock.advance(130)

    def enter(self, role: Role | None = None, video: str = "/data/clip.mp4") -> TaskKey:
        return self.tasks.add(PROJECTS[role or self.roles[0]], {"video": video, "masklet": {"key": "k", "fps": 25.0}})

    def make(self, task: TaskKey, user: str, prompts: PromptSet) -> int:
        """A person's masks on a task, submitted."""
        user_task = self.tasks.user_task(task, MODEL.version)
        named = UserTask(user_task.task, user_task.media, user_task.label_config, user_task.model_version, user)
        self.parts.service.replace_prompts(named, prompts)
        self.parts.work_off()
        return self.submit(task, user)

    def submit(self, task: TaskKey, user: str) -> int:
        """An annotation that Masklet has read."""
        number = self.tasks.annotate(task, user)
        record_adoption(self.key_values, task, number, self.tasks.changes[task])
        return number

    def open_task(self, role: Role) -> TaskKey:
        """The only task of a role whose step is open."""
        (found,) = [
            step.task
            for item in self.parts.ledger.items_in("cats", ItemState.OPEN, limit=9)
            for step in self.parts.ledger.steps_of_item(item.key)
            if step.role is role and step.state is StepState.OPEN and step.task is not None
        ]
        return found
