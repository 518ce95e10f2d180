"""Batch imports: every source is imported once despite interruptions; a fault fails one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from backend.application.imports.importer import TASKS_AT_ONCE, Importer
from backend.application.imports.model import (
    ExistingTask,
    ImportMode,
    ItemState,
    Outcome,
    Plan,
    Source,
    TaskDraft,
)
from backend.application.imports.start import TaskStarter
from backend.domain.errors import LabelStudioUnavailable, PromptError
from backend.domain.prompts import PromptSet
from backend.domain.selection import parse_selection
from backend.domain.tasks import MediaRef, TaskKey
from tests.fakes.batch import FakeLibrary, FakePlacement, FakeTasks, MemoryRecords
from tests.unit.application.builders import Parts, click_on

PAGES = Plan(3, ImportMode.PAGES, "frames")


@dataclass
class ImportSetup:
    library: FakeLibrary = field(default_factory=FakeLibrary)
    tasks: FakeTasks = field(default_factory=FakeTasks)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    parts: Parts = field(default_factory=Parts)
    prompter: ClickPrompter | None = None
    existing: OneTask | None = None
    model_version: str = "masklet-fake-00000000"
    starts: bool = True

    def run(self, *names: str, plan: Plan = PAGES, sources: list[Source] | None = None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        importer = Importer(
            self.library,
            FakePlacement(),
            self.tasks,
            self.records,
            prompter=self.prompter,
            existing=self.existing,
            starting=TaskStarter(self.parts.service, lambda data: "<View/>", self.model_version)
            if self.starts
            else None,
            carry=True,
        )
        tally = importer.run(sources or [Source(name) for name in names], plan, outcomes.append)
        assert sum(tally.of(state) for state in ItemState) == len(outcomes)
        return outcomes


@dataclass
class ClickPrompter:
    """Prompts a click on the first frame; nobody.mp4 gets no prompt, wrong.mp4 and broken.mp4 raise an error."""

    asked: list[str] = field(default_factory=list)

    def prompts(self, source: Source, draft: TaskDraft) -> tuple[PromptSet, Mapping[str, float]]:
        self.asked.append(draft.name)
        if source.name == "wrong.mp4":
            raise PromptError("label 'Bat' is not in the label config")
        if source.name == "broken.mp4":
            raise KeyError("labels")
        return (PromptSet(()), {}) if source.name == "nobody.mp4" else (click_on(0), {"cat": 0.9})


@dataclass
class OneTask:
    given: PromptSet

    def read(self, source: Source, task: TaskKey) -> ExistingTask:
        return ExistingTask(MediaRef((f"/data/{task.task_id}.mp4",), is_pages=False), {}, self.given)


@pytest.fixture
def setup() -> ImportSetup:
    return ImportSetup()


def states(outcomes: list[Outcome]) -> list[str]:
    return [f"{o.source} {o.state}" for o in outcomes]


def test_importing_a_batch_twice_makes_no_duplicates(setup: ImportSetup) -> None:
    assert states(setup.run("a.mp4", "b.mp4")) == ["a.mp4 created", "b.mp4 created"]
    assert states(setup.run("a.mp4", "b.mp4", "c.mp4")) == ["a.mp4 existing", "b.mp4 existing", "c.mp4 created"]
    assert len(setup.tasks.tasks) == 3


def test_a_batch_killed_before_its_record_finds_its_tasks(setup: ImportSetup) -> None:
    setup.run("a.mp4", "b.mp4")
    setup.records.by_key.clear()
    assert states(setup.run("a.mp4", "b.mp4")) == ["a.mp4 existing", "b.mp4 existing"]
    assert len(setup.tasks.tasks) == 2
    assert len(setup.records.items(3)) == 2


def test_a_lost_response_is_looked_up_and_not_repeated(setup: ImportSetup) -> None:
    setup.tasks.lost_answers = 1
    assert states(setup.run("a.mp4", "b.mp4")) == ["a.mp4 created", "b.mp4 created"]
    assert len(setup.tasks.tasks) == 2


def test_a_refused_call_is_retried_and_finally_raises(setup: ImportSetup) -> None:
    setup.tasks.refused = 2
    assert states(setup.run("a.mp4")) == ["a.mp4 created"]
    setup.tasks.refused = 3
    with pytest.raises(LabelStudioUnavailable):
        setup.run("b.mp4")
    assert len(setup.tasks.tasks) == 1


def test_a_fault_fails_one_source_only(setup: ImportSetup) -> None:
    setup.prompter = ClickPrompter()
    outcomes = setup.run("bad.mp4", "a.mp4", "wrong.mp4", "b.mp4")
    assert sorted(states(outcomes)) == ["a.mp4 created", "b.mp4 created", "bad.mp4 failed", "wrong.mp4 failed"]
    assert [o.reason for _, o in setup.records.failures(3)] == [
        "MediaError: bad.mp4 is no video",
        "PromptError: label 'Bat' is not in the label config",
    ]


def test_an_error_of_a_library_fails_one_source_only(setup: ImportSetup) -> None:
    setup.prompter = ClickPrompter()
    outcomes = setup.run("a.mp4", "foreign.mp4", "broken.mp4", "b.mp4")
    assert sorted(states(outcomes)) == ["a.mp4 created", "b.mp4 created", "broken.mp4 failed", "foreign.mp4 failed"]
    reasons = {o.source: o.reason for _, o in setup.records.failures(3)}
    assert reasons["broken.mp4"] == "MediaError: broken.mp4 cannot be imported (KeyError: 'labels')"
    assert reasons["foreign.mp4"].startswith("MediaError: foreign.mp4 cannot be imported (UnicodeDecodeError: 'utf-8'")


def test_the_fault_of_a_repaired_source_is_deleted(setup: ImportSetup) -> None:
    setup.tasks.refused = 0
    setup.records.fail(3, Outcome("a.mp4", ItemState.FAILED, reason="MediaError: it was cut short"))
    setup.records.fail(3, Outcome("b.mp4", ItemState.FAILED, reason="MediaError: no"))
    setup.run("a.mp4")
    assert [o.source for _, o in setup.records.failures(3)] == ["b.mp4"]


def test_the_same_content_under_two_names_is_one_task(setup: ImportSetup) -> None:
    outcomes = setup.run("a.mp4", "copy.mp4")
    assert states(outcomes) == ["copy.mp4 duplicate", "a.mp4 created"]
    assert outcomes[0].reason == "the same frames as a.mp4"


def test_one_call_creates_many_tasks(setup: ImportSetup) -> None:
    setup.run(*(f"{n}.mp4" for n in range(TASKS_AT_ONCE + 7)))
    assert setup.tasks.calls == [TASKS_AT_ONCE, 7]


def test_segments_have_names_an_order_and_their_range(setup: ImportSetup) -> None:
    setup.run("a.mp4", plan=replace(PAGES, segment=4, overlap=1))
    assert [task["clip"] for task in setup.tasks.tasks] == ["a.mp4 [1/3]", "a.mp4 [2/3]", "a.mp4 [3/3]"]
    facts = setup.tasks.tasks[1]["masklet"]
    assert isinstance(facts, dict)
    assert {k: facts[k] for k in ("video", "start", "stop", "fps", "segment", "segments")} == {
        "video": "a.mp4",
        "start": 3,
        "stop": 7,
        "fps": 25.0,
        "segment": 2,
        "segments": 3,
    }
    assert setup.tasks.tasks[1]["frames"] == [f"/a.mp4/{n}" for n in (3, 4, 5, 6)]
    assert [(i.number, i.shared, i.carry) for i in setup.records.items()] == [(0, 0, False), (1, 1, True), (2, 1, True)]


def test_other_segments_of_a_video_are_other_tasks(setup: ImportSetup) -> None:
    setup.run("a.mp4", plan=replace(PAGES, segment=4, overlap=1))
    assert states(setup.run("a.mp4", plan=replace(PAGES, segment=5))) == ["a.mp4 created", "a.mp4 created"]


def test_chosen_frames_and_keyframes(setup: ImportSetup) -> None:
    plan = replace(PAGES, selection=parse_selection("every:4"))
    setup.run("a.mp4", plan=plan)
    facts = setup.tasks.tasks[0]["masklet"]
    assert isinstance(facts, dict)
    assert (facts["start"], facts["stop"], facts["frames"]) == (0, 9, "0,4,8")
    setup.run("a.mp4", plan=Plan(3, ImportMode.KEYFRAMES, "image", parse_selection("diverse:2")))
    assert [(t["clip"], t["image"]) for t in setup.tasks.tasks[1:]] == [
        ("a.mp4 #0", "/a.mp4/0"),
        ("a.mp4 #5", "/a.mp4/5"),
    ]


def test_a_list_has_frames_and_task_data(setup: ImportSetup) -> None:
    outcomes = setup.run(
        sources=[Source("a.mp4", frames=(2, 5), extra={"subject": "m3"}), Source("b.mp4", frames=(3, 10))]
    )
    assert (setup.tasks.tasks[0]["frames"], setup.tasks.tasks[0]["subject"]) == (["/a.mp4/2", "/a.mp4/5"], "m3")
    assert outcomes[0].reason == ("InvalidInput: b.mp4: the list names frame 10, but the video has 10 frames (0 to 9)")


def test_a_nested_value_key_is_written_nested(setup: ImportSetup) -> None:
    setup.run("a.mp4", plan=Plan(3, ImportMode.VIDEO, "media.main"))
    assert setup.tasks.tasks[0]["media"] == {"main": "/a.mp4"}


def test_prompts_are_submitted_at_once_and_only_once(setup: ImportSetup) -> None:
    setup.prompter = ClickPrompter()
    outcomes = setup.run("a.mp4", "nobody.mp4")
    assert [(o.prompts, dict(o.auto)) for o in outcomes] == [(1, {"cat": 0.9}), (0, {})]
    (job,) = setup.parts.ledger.jobs()
    assert job.task == TaskKey(3, 1)
    setup.run("a.mp4", "nobody.mp4")
    assert setup.prompter.asked == ["a.mp4", "nobody.mp4", "nobody.mp4"]
    assert len(setup.parts.ledger.jobs()) == 1
    facts = setup.tasks.tasks[0]["masklet"]
    assert isinstance(facts, dict)
    assert facts["auto"] == {"cat": 0.9}


def test_a_killed_batch_prompts_its_task_next_time(setup: ImportSetup) -> None:
    setup.run("a.mp4")
    setup.prompter = ClickPrompter()
    assert [(o.state, o.prompts) for o in setup.run("a.mp4")] == [(ItemState.EXISTING, 1)]
    assert len(setup.parts.ledger.jobs()) == 1


def test_the_same_command_starts_what_no_start_left(setup: ImportSetup) -> None:
    setup.prompter, setup.starts = ClickPrompter(), False
    assert [(o.state, o.prompts) for o in setup.run("a.mp4")] == [(ItemState.CREATED, 1)]
    assert setup.parts.ledger.jobs() == ()
    setup.starts = True
    assert [(o.state, o.prompts) for o in setup.run("a.mp4")] == [(ItemState.EXISTING, 1)]
    (job,) = setup.parts.ledger.jobs()
    assert job.task == TaskKey(3, 1)
    setup.run("a.mp4")
    assert len(setup.parts.ledger.jobs()) == 1


def test_prompts_are_kept_until_a_worker_announces_its_model(setup: ImportSetup) -> None:
    setup.prompter, setup.model_version = ClickPrompter(), ""
    setup.run("a.mp4")
    assert setup.parts.ledger.jobs() == ()
    assert [str(o) for o in setup.parts.ledger.prompts(TaskKey(3, 1)).object_ids] == ["cat"]


def test_existing_tasks_are_prompted(setup: ImportSetup) -> None:
    setup.existing = OneTask(click_on(2))
    (outcome,) = setup.run(sources=[Source("task 7", task_id=7)])
    assert (outcome.state, outcome.task_id, outcome.prompts) == (ItemState.PROMPTED, 7, 1)
    assert setup.parts.ledger.jobs()[0].task == TaskKey(3, 7)
    setup.existing = OneTask(PromptSet(()))
    (outcome,) = setup.run(sources=[Source("task 8", task_id=8)])
    assert outcome.reason == "PromptError: task 8 brings no prompts, and --prompts gives it none"
    assert setup.tasks.tasks == []
