"""Gold: kept from experts' annotations, copied each once whatever is killed, and not to be told from other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from backend.adapters.labelstudio.writing.lost_objects import with_lost_objects
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.application.crowd.quality.gold_tasks import CopiedPrediction, Data, GoldKeeper, GoldMixer
from backend.application.crowd.quality.service import Measuring, QualityService
from backend.codecs.quality_json import truth_json
from backend.domain.crowd.gold import GoldPolicy, lost_from
from backend.domain.crowd.gold_truth import GoldTask
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.tasks import TaskKey
from tests.fakes.annotations import CODEC, Annotation, still
from tests.fakes.clock import FakeClock
from tests.fakes.crowd.people import PROJECT, MemoryCrowd

GOLD = TaskKey(PROJECT, 1)
HALF = GoldPolicy(share=0.5, newcomers=0.5, lost=0.0)


class Killed(BaseException):
    """In place of kill -9."""


@dataclass
class Studio:
    """A GoldProject. calls_left: how many calls that change something are left before the process is killed."""

    data: dict[int, Data] = field(default_factory=dict)
    found: dict[int, list[CopiedPrediction]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    sampled: int = 0
    calls_left: int = 1000

    def tasks(self, project_id: int) -> Mapping[int, Data]:
        return dict(self.data) if project_id == PROJECT else {}

    def open_tasks(self, project_id: int) -> frozenset[int]:
        return frozenset(self.data) - self.done

    def create(self, project_id: int, data: Data) -> int:
        number = max(self.data) + 1
        self.data[number] = data
        self._count()
        return number

    def predictions(self, task: TaskKey) -> Sequence[CopiedPrediction]:
        return self.found.get(task.task_id, [])

    def predict(self, task: TaskKey, prediction: CopiedPrediction) -> None:
        others = [p for p in self.found.get(task.task_id, []) if p.model_version != prediction.model_version]
        self.found[task.task_id] = [*others, prediction]
        self._count()

    def serve_at_random(self, project_id: int) -> None:
        self.sampled += 1

    def _count(self) -> None:
        """Dies after what was done, as a process does whose answer is lost."""
        self.calls_left -= 1
        if self.calls_left < 0:
            raise Killed


def facts(number: int) -> dict[str, object]:
    key = f"{number:040x}-00000"
    return {"video": f"/data/{number}.mp4", "clip": f"{number}.mp4", "masklet": {"key": key, "fps": 25.0}}


@dataclass
class Setup:
    ledger: SqlLedger
    crowd: MemoryCrowd = field(default_factory=MemoryCrowd)
    studio: Studio = field(default_factory=Studio)
    tokens: count[int] = field(default_factory=lambda: count(1000))

    def keeper(self) -> GoldKeeper:
        return GoldKeeper(self.crowd, self.ledger, lambda: 5.0, lambda: 0.0)

    def mix(self, policy: GoldPolicy = HALF, observations: Mapping[str, float] | None = None) -> list[GoldTask]:
        def token() -> str:
            return f"{next(self.tokens):040x}"

        mixer = GoldMixer(self.studio, self.ledger, with_lost_objects, token, range)
        return mixer.mix(PROJECT, PROJECT, observations or {}, policy)[0]

    @property
    def copies(self) -> list[TaskKey]:
        return [each.task for each in self.ledger.gold(PROJECT) if each.is_copy]


TRUTH = Annotation({("a", "Cat"): [(0, 0, 4), (1, 0, 4)]})


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    made = Setup(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", FakeClock()))
    made.crowd.submit(1, 10, "expert", TRUTH)
    for number in range(1, 5):
        made.studio.data[number] = {**facts(number), "uncertainty": "0.1"} if number == 1 else facts(number)
        made.studio.found[number] = [CopiedPrediction("demo", [{"id": "Cat", "value": {}}], 0.7)]
    made.studio.found[1].append(CopiedPrediction("consensus", [], 0.2))
    made.studio.done.add(1)
    return made


def test_the_truth_is_kept_on_the_compared_frames(setup: Setup) -> None:
    (gold,) = setup.keeper().add(PROJECT, 1)
    assert (gold.task, gold.annotation_id, tuple(gold.truth.frames)) == (GOLD, 10, (0, 1))
    (stored,) = setup.ledger.gold(PROJECT)
    assert (stored.task, stored.source, stored.key, stored.added_s) == (GOLD, GOLD, "", 5.0)
    assert truth_json(stored.truth) == truth_json(gold.truth)
    setup.crowd.submit(1, 10, "expert", still(a=(5, 5, 4)))
    (again,) = setup.keeper().add(PROJECT, 1)
    (stored,) = setup.ledger.gold(PROJECT)
    assert truth_json(stored.truth) == truth_json(again.truth) != truth_json(gold.truth)


def test_what_is_true_must_be_clear(setup: Setup) -> None:
    keeper = setup.keeper()
    with pytest.raises(NotFound, match="no annotation that is marked as ground truth"):
        keeper.add(PROJECT, None)
    with pytest.raises(NotFound, match="task 9 of project 3 has no annotation"):
        keeper.add(PROJECT, 9)
    setup.crowd.submit(1, 11, "ann", still())
    with pytest.raises(InvalidInput, match=r"several annotations \(10 of expert, 11 of ann\); .*--annotation N"):
        keeper.add(PROJECT, 1)
    with pytest.raises(NotFound, match="no annotation 12 that counts; it has 10, 11"):
        keeper.add(PROJECT, 1, 12)
    with pytest.raises(InvalidInput, match="annotation 11: .* cannot be gold"):
        keeper.add(PROJECT, 1, 11)
    setup.crowd.truths.add(10)
    assert [each.annotation_id for each in keeper.add(PROJECT, None)] == [10]


def test_a_copy_looks_like_any_other_task(setup: Setup) -> None:
    setup.keeper().add(PROJECT, 1)
    made = setup.mix()
    assert [each.task.task_id for each in made] == [5, 6, 7]
    ordinary, copy = setup.studio.data[2], setup.studio.data[5]
    assert copy.keys() == ordinary.keys()
    own, source = copy["masklet"], setup.studio.data[1]["masklet"]
    assert isinstance(own, dict)
    assert isinstance(source, dict)
    assert own.keys() == source.keys()
    assert own["key"] != source["key"]
    assert len(str(own["key"])) == len(str(source["key"]))
    assert {**copy, "masklet": source, "uncertainty": "0.1"} == setup.studio.data[1]
    assert [each.model_version for each in setup.studio.found[5]] == ["demo"]
    assert setup.studio.found[5] == setup.studio.found[2]
    keys = [data["masklet"] for data in setup.studio.data.values()]
    assert all(keys.count(key) == 1 for key in keys)
    assert setup.studio.sampled == 1


def test_gold_is_topped_up_not_doubled(setup: Setup) -> None:
    setup.keeper().add(PROJECT, 1)
    assert len(setup.mix()) == 3
    assert setup.mix() == []
    setup.studio.done |= {5, 6}
    assert len(setup.mix()) == 2
    assert setup.mix(GoldPolicy(share=0.0), {"ann": 100.0}) == []
    with pytest.raises(NotFound, match="masklet crowd gold add 9"):
        GoldMixer(setup.studio, setup.ledger, with_lost_objects, str, range).mix(9, 9, {}, HALF)


@pytest.mark.parametrize("calls", range(6))
def test_a_kill_at_any_call_makes_each_copy_once(setup: Setup, calls: int) -> None:
    setup.keeper().add(PROJECT, 1)
    setup.studio.calls_left = calls
    with pytest.raises(Killed):
        setup.mix()
    setup.studio.calls_left = 1000
    setup.mix()
    assert sorted(each.task_id for each in setup.copies) == [5, 6, 7]
    assert sorted(setup.studio.data) == [1, 2, 3, 4, 5, 6, 7]
    assert all(len(setup.studio.found[number]) == 1 for number in (5, 6, 7))


def test_results_are_of_copies_and_never_of_the_expert(setup: Setup) -> None:
    setup.keeper().add(PROJECT, 1)
    setup.mix()
    setup.crowd.submit(5, 50, "ann", still(a=(0, 0, 4)))
    setup.crowd.submit(2, 20, "ann", still(a=(0, 0, 4)))
    work = Measuring(QualityService(setup.ledger, lambda: 2000.0), setup.crowd, CODEC)
    work.refresh(PROJECT)
    of_task = {each.task.task_id: dict(each.gold) for each in work.service.tasks(PROJECT)}
    assert [each.iou for each in of_task[5]["ann"]] == [1.0, pytest.approx(12 / 20)]
    assert (of_task[1], of_task[2]) == ({}, {})
    people = work.service.people(PROJECT)
    assert set(people) == {"ann"}
    assert people["ann"].gold is not None
    assert setup.ledger.remove_gold(GOLD) == (TaskKey(PROJECT, 5), TaskKey(PROJECT, 6), TaskKey(PROJECT, 7))
    work.refresh(PROJECT)
    assert work.service.people(PROJECT)["ann"].gold is None


def test_the_truth_of_another_video_is_refused(setup: Setup) -> None:
    setup.keeper().add(PROJECT, 1)
    setup.mix()
    other = Annotation({("a", "Cat"): [(0, 0, 4)] * 2})
    other.info = type(other.info)(other.info.content_hash, other.info.size, 7, other.info.frame_rate)
    setup.crowd.submit(5, 50, "ann", other)
    faults = Measuring(QualityService(setup.ledger, lambda: 1.0), setup.crowd, CODEC).refresh(PROJECT).faults
    assert "it is of another video" in faults[5]


def test_pre_labels_lose_objects_as_a_tracker_does() -> None:
    keyframes = [{"frame": number, "enabled": True, "x": 1.0} for number in (1, 5, 20)]
    video: dict[str, object] = {"id": "r1", "value": {"framesCount": 20, "labels": ["Cat"], "sequence": keyframes}}
    pages: list[dict[str, object]] = [
        {"id": f"p{page}", "item_index": page, "value": {"brushlabels": ["Cat"]}} for page in range(20)
    ]
    starts = {name: lost_from(f"{name}\0r1", 20, share=1.0) for name in map(str, range(20))}
    assert all(start is not None and 0 <= start < 10 for start in starts.values())
    for name, start in starts.items():
        assert start is not None
        found = with_lost_objects([video], name, 20, 1.0)
        if start == 0:
            assert found == []
            continue
        sequence = found[0]["value"]["sequence"]  # type: ignore[index]
        assert sequence[-1]["enabled"] is False
        assert sequence[-1]["frame"] <= start
    kept = with_lost_objects(pages, "x", 20, 1.0)
    assert [each["item_index"] for each in kept] == list(range(len(kept)))
    assert len(kept) < 10
    assert with_lost_objects([video, *pages], "x", 20, 0.0) == [video, *pages]
