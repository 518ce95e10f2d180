"""Batch import: sources become tasks, each task is created once, also after interruptions.

Label Studio holds the truth about tasks: a task's data has a key made of its content. A faulty source stops no other.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from backend.application.imports.faults import fault_of
from backend.application.imports.model import (
    BatchItem,
    BatchRecords,
    ExistingTask,
    ExistingTasks,
    ImportMode,
    ItemState,
    Library,
    Outcome,
    Placement,
    Plan,
    ProjectTasks,
    PromptSource,
    Report,
    Source,
    SourceMedia,
    TaskDraft,
    draft_key,
)
from backend.application.imports.progress import Tally
from backend.application.imports.start import TaskStarter, start_task
from backend.application.imports.task_data import task_data
from backend.domain.errors import InvalidInput, LabelStudioUnavailable, PromptError
from backend.domain.prompts import PromptSet
from backend.domain.segments import cut
from backend.domain.selection import SelectionKind
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex

logger = logging.getLogger(__name__)

TASKS_AT_ONCE = 50
PAGES_AT_ONCE = 20_000
CREATE_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Ready:
    """A draft with its data, to be created with others in one call."""

    source: Source
    draft: TaskDraft
    prompts: PromptSet
    auto: dict[str, float]
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Batch:
    """One import. known: existing tasks, key to task id. settled: keys of tasks that need nothing more. faulty: sources
    that failed before. seen: drafts of this import, key to name."""

    plan: Plan
    report: Report
    known: dict[str, int]
    settled: frozenset[str]
    faulty: frozenset[str]
    seen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Importer:
    """The parts of an import. prompter None: no prompts. starting None: no propagation."""

    library: Library
    placement: Placement
    tasks: ProjectTasks
    records: BatchRecords
    prompter: PromptSource | None = None
    existing: ExistingTasks | None = None
    starting: TaskStarter | None = None
    carry: bool = False
    certainty: float = 0.5

    def run(self, sources: Iterable[Source], plan: Plan, report: Report) -> Tally:
        """Creates the missing tasks of all sources; every task and every fault goes to the report.

        Raises LabelStudioUnavailable or LabelStudioRefused if Label Studio fails as a whole.
        """
        tally = Tally()

        def record_outcome(outcome: Outcome) -> None:
            tally.add(outcome)
            if outcome.state is ItemState.FAILED:
                self.records.fail(plan.project_id, outcome)
            report(outcome)

        batch = self._opened(plan, record_outcome)
        waiting: list[_Ready] = []
        for source in sources:
            for ready in self._drafted(source, batch):
                waiting.append(ready)
                if len(waiting) >= TASKS_AT_ONCE or sum(len(r.addresses) for r in waiting) >= PAGES_AT_ONCE:
                    self._make(waiting, batch)
                    waiting = []
        self._make(waiting, batch)
        return tally

    def _opened(self, plan: Plan, report: Report) -> _Batch:
        items = self.records.items(plan.project_id)
        return _Batch(
            plan,
            report,
            known=self.tasks.known(plan.project_id),
            settled=frozenset(item.key for item in items if item.prompted or self.prompter is None),
            faulty=frozenset(outcome.source for _, outcome in self.records.failures(plan.project_id)),
        )

    def _drafted(self, source: Source, batch: _Batch) -> Iterator[_Ready]:
        """The drafts of one source to create; existing tasks without prompts are prompted."""
        plan, report = batch.plan, batch.report
        if source.name in batch.faulty:
            self.records.clear_failure(plan.project_id, source.name)
        if source.task_id is not None:
            report(self._task(source, TaskKey(plan.project_id, source.task_id)))
            return
        try:
            drafts = self.drafts(source, plan)
        except Exception as error:
            report(Outcome(source.name, ItemState.FAILED, reason=fault_of(source, error)))
            return
        for draft in drafts:
            ready = self._wanted(source, draft, batch)
            if ready is not None:
                yield ready

    def _wanted(self, source: Source, draft: TaskDraft, batch: _Batch) -> _Ready | None:
        """The draft with its data; None, after a report, if there is nothing to create."""
        known, report = batch.known, batch.report
        if draft.key in batch.seen:
            why = f"the same frames as {batch.seen[draft.key]}"
            report(Outcome(source.name, ItemState.DUPLICATE, draft.name, known.get(draft.key), why))
            return None
        batch.seen[draft.key] = draft.name
        if draft.key in known and draft.key in batch.settled:
            report(Outcome(source.name, ItemState.EXISTING, draft.name, known[draft.key]))
            return None
        try:
            ready = self._ready(source, draft, batch.plan)
        except Exception as error:
            report(Outcome(source.name, ItemState.FAILED, draft.name, known.get(draft.key), fault_of(source, error)))
            return None
        if draft.key not in known:
            return ready
        report(self._settled(ready, batch.plan, known[draft.key], ItemState.EXISTING))
        return None

    def _task(self, source: Source, task: TaskKey) -> Outcome:
        """Starts the propagation of an existing task."""
        try:
            if self.existing is None or self.starting is None:
                raise InvalidInput("tasks that exist are prompted, which --no-start rules out")
            given = self.existing.read(source, task)
            if not given.prompts:
                raise PromptError(f"task {task.task_id} brings no prompts, and --prompts gives it none")
            start_task(self.starting, task, given)
        except Exception as error:
            return Outcome(source.name, ItemState.FAILED, source.name, task.task_id, fault_of(source, error))
        count, note = len(given.prompts.prompts), given.note
        return Outcome(source.name, ItemState.PROMPTED, source.name, task.task_id, prompts=count, note=note)

    def drafts(self, source: Source, plan: Plan) -> list[TaskDraft]:
        """One source as tasks. Raises MediaError or InvalidInput."""
        medium = self.library.add(source)
        frames = _listed_frames(source, medium)
        if not frames:
            frames = plan.selection.frames(medium.frame_count, plan.portion)
        if plan.selection.kind is SelectionKind.DIVERSE and not source.frames:
            frames = self.library.diverse(medium, frames, plan.selection.number)
        if plan.mode is ImportMode.KEYFRAMES:
            return [_keyframe(source, medium, frame) for frame in frames]
        # A video no longer than a segment is not cut, so its key is the same for every segment length.
        is_cut = plan.mode is ImportMode.PAGES and plan.segment is not None and len(frames) > plan.segment
        length = plan.segment if is_cut else None
        how = f"{_choice(source, plan, frames)}:{length}:{plan.overlap if length else 0}"
        drafts = []
        for segment in cut(len(frames), length=length, overlap=plan.overlap):
            part = frames[segment.start : segment.stop]
            key = draft_key(medium, plan.mode, part, number=segment.number, cut=how)
            name = segment.name(source.name)
            drafts.append(
                TaskDraft(key, name, medium, part, segment.number, segment.count, segment.shared, source.extra)
            )
        return drafts

    def _ready(self, source: Source, draft: TaskDraft, plan: Plan) -> _Ready:
        prompts, auto = (PromptSet(()), {}) if self.prompter is None else self.prompter.prompts(source, draft)
        addresses = self.placement.addresses(draft, plan.mode)
        return _Ready(source, draft, prompts, dict(auto), tuple(addresses))

    def _make(self, waiting: list[_Ready], batch: _Batch) -> None:
        if not waiting:
            return
        made = self._created(waiting, batch.plan)
        batch.known.update(made)
        for ready in waiting:
            batch.report(self._settled(ready, batch.plan, made[ready.draft.key], ItemState.CREATED))

    def _created(self, waiting: list[_Ready], plan: Plan) -> dict[str, int]:
        """Creates tasks; returns key to task id. After a lost answer, checks first which tasks were created."""
        missing = list(waiting)
        made: dict[str, int] = {}
        for tries in range(CREATE_TRIES):
            try:
                bodies = [task_data(r.draft, plan, r.addresses, r.auto) for r in missing]
                ids = self.tasks.create(plan.project_id, bodies)
                return made | {r.draft.key: task_id for r, task_id in zip(missing, ids, strict=True)}
            except LabelStudioUnavailable as error:
                if tries == CREATE_TRIES - 1:
                    raise
                logger.warning("project %d: %s; checking which tasks were created", plan.project_id, error)
                existing = self.tasks.known(plan.project_id)
                made |= {r.draft.key: existing[r.draft.key] for r in missing if r.draft.key in existing}
                missing = [r for r in missing if r.draft.key not in existing]
                if not missing:
                    return made
        raise AssertionError("the last try returns or raises")

    def _settled(self, ready: _Ready, plan: Plan, task_id: int, state: ItemState) -> Outcome:
        """Records an existing task and starts the propagation of its prompts."""
        draft = ready.draft
        item = BatchItem(
            plan.project_id,
            draft.key,
            task_id,
            draft.name,
            draft.medium.media_id,
            number=draft.number,
            count=draft.count,
            shared=draft.shared,
            length=len(draft.frames),
            carry=self.carry and draft.shared > 0,
            certainty=self.certainty,
        )
        self.records.put([item])
        note = "; ".join(part for part in (draft.medium.note, ready.source.note) if part)
        outcome = Outcome(ready.source.name, state, draft.name, task_id, prompts=len(ready.prompts.prompts), note=note)
        try:
            self._start(ready, item.task, plan)
        except Exception as error:
            return replace(outcome, state=ItemState.FAILED, reason=fault_of(ready.source, error))
        if ready.prompts and self.starting is not None:
            self.records.put([replace(item, prompted=True)])
        return replace(outcome, auto=ready.auto)

    def _start(self, ready: _Ready, task: TaskKey, plan: Plan) -> None:
        if self.starting is None or not ready.prompts:
            return
        media = MediaRef(ready.addresses, is_pages=plan.mode is not ImportMode.VIDEO)
        data = task_data(ready.draft, plan, ready.addresses, ready.auto)
        start_task(self.starting, task, ExistingTask(media, data, ready.prompts))


def _listed_frames(source: Source, medium: SourceMedia) -> tuple[FrameIndex, ...]:
    """The frames that a list names for a source. Raises InvalidInput for a frame past the end."""
    for frame in source.frames:
        if frame >= medium.frame_count:
            raise InvalidInput(
                f"{source.name}: the list names frame {frame}, but the video has {medium.frame_count} frames "
                f"(0 to {medium.frame_count - 1})"
            )
    return tuple(FrameIndex(frame) for frame in source.frames)


def _keyframe(source: Source, medium: SourceMedia, frame: FrameIndex) -> TaskDraft:
    """One frame as a task of its own."""
    key = draft_key(medium, ImportMode.KEYFRAMES, [frame], number=frame, cut="frame")
    return TaskDraft(key, f"{source.name} #{medium.number_of(frame)}", medium, (frame,), extra=source.extra)


def _choice(source: Source, plan: Plan, frames: tuple[FrameIndex, ...]) -> str:
    """Identifies a choice of frames: 16 hex digits of them. A diverse choice by its text: rounding could change it."""
    if plan.selection.kind is SelectionKind.DIVERSE and not source.frames:
        return f"{plan.selection} {plan.portion}"
    return hashlib.sha256(repr([int(f) for f in frames]).encode()).hexdigest()[:16]
