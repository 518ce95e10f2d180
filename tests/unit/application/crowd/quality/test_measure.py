"""What is measured of a task's annotations, and the trust that follows: small cases with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.application.crowd.quality.crowd_tasks import SubmittedVideo
from backend.application.crowd.quality.measure import gold_masks, groups_by_matching, measured_task
from backend.application.crowd.quality.people import JudgedMaker, evidence_of, people_of, trust_over_time
from backend.application.crowd.quality.service import Measuring, QualityService
from backend.domain.crowd.agreement import figures
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.crowd.trust import DAY_S
from backend.domain.errors import InvalidInput
from backend.domain.geometry import Box
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import (
    GivenVerdict,
    MaskVerdicts,
    ShownVerdict,
    UserShownVerdict,
    Verdict,
)
from tests.fakes.annotations import CODEC, Annotation, still
from tests.fakes.clock import FakeClock
from tests.fakes.crowd.people import PROJECT, MemoryCrowd

TASK = TaskKey(PROJECT, 1)
NOW_S = 2000.0


def measured(*annotations: Annotation) -> MeasuredTask:
    submitted = [SubmittedVideo(Submission(f"p{at}", at, 1000.0), each) for at, each in enumerate(annotations)]
    return measured_task(TASK, submitted, CODEC)


def test_objects_are_matched_at_the_highest_sum() -> None:
    """a is nearest to x, but b fits x alone: the best pairs are a with y, and b with x."""
    first = still(a=(2, 0, 4), b=(5, 0, 4))
    second = still(x=(3, 0, 4), y=(0, 0, 4))
    assert groups_by_matching([first, second], CODEC) == [{0: 1, 1: 2}, {0: 2, 1: 1}]


def test_agreement_is_by_frame_pair_and_object() -> None:
    sometimes = Annotation({("a", "Cat"): [(0, 0, 4), None], ("b", "Dog"): [(5, 5, 4), (5, 5, 4)]})
    found = measured(still(a=(0, 0, 4)), still(a=(1, 0, 4)), sometimes)
    cat, dog = found.objects
    assert (cat.label, dog.label) == ("Cat", "Dog")
    assert cat.iou.tolist() == [[pytest.approx(12 / 20), 1.0, pytest.approx(12 / 20)], [pytest.approx(12 / 20), 0, 0]]
    assert cat.present.tolist() == [[True, True, True], [True, True, False]]
    assert np.isnan(dog.iou[:, 0]).all()
    assert dog.iou[:, 1:].tolist() == [[0, 0], [0, 0]]
    assert cat.boundary_f[0, 1] == 1.0


def test_a_box_is_compared_with_the_box_of_a_mask() -> None:
    triangle = Annotation({("a", "Cat"): [(0, 0, 4), (0, 0, 4)]})
    box = still(a=Box(0.0, 0.0, 0.4, 0.4))
    found = measured(triangle, box, box)
    assert np.allclose(found.objects[0].iou, 1.0)


def given(user: str, verdict: Verdict, *, is_outdated: bool = False) -> UserShownVerdict:
    return UserShownVerdict(TASK, user, ShownVerdict(GivenVerdict(ObjectId("a"), verdict, "", ""), is_outdated))


def test_only_verdicts_of_others_on_masks_of_now_count() -> None:
    listed = (
        given("p0", Verdict.SATISFACTORY),
        given("eva", Verdict.REDO),
        given("eve", Verdict.REDO),
        given("max", Verdict.SATISFACTORY, is_outdated=True),
    )
    judged = replace(still(a=(0, 0, 4)), verdicts=MaskVerdicts(listed, (ObjectId("a"),)))
    found = measured(judged)
    assert found.verdicts == {"p0": {Verdict.REDO: 2}}
    (person,) = people_of(evidence_of([found], now_s=NOW_S), now_s=NOW_S)
    assert person.trust.mean < 0.5
    assert person.trust.observations == pytest.approx(4, abs=0.1)
    assert (person.gold, person.agreement, person.verdicts) == (None, None, {Verdict.REDO: 2})


def test_gold_counts_lost_wrong_and_further_objects() -> None:
    truth = Annotation({("t", "Cat"): [(0, 0, 4), None]})
    same = gold_masks(Annotation({("a", "Cat"): [(0, 0, 4), None]}), truth, (0, 1), CODEC)
    assert [(each.frame_index, each.iou, each.is_right) for each in same] == [(0, 1.0, True), (1, 1.0, True)]
    lost = gold_masks(Annotation({("a", "Cat"): [None, None]}), truth, (0, 1), CODEC)
    assert [each.iou for each in lost] == [0.0, 1.0]
    stays = gold_masks(still(a=(0, 0, 4)), truth, (0, 1), CODEC)
    assert [each.iou for each in stays] == [1.0, 0.0]
    more = gold_masks(
        Annotation({("a", "Cat"): [(0, 0, 4), None], ("b", "Dog"): [(5, 5, 4), None]}), truth, (0, 1), CODEC
    )
    assert [(each.label, each.iou) for each in more] == [("Cat", 1.0), ("Cat", 1.0), ("Dog", 0.0)]
    assert gold_masks(still(a=(0, 0, 4)), truth, (), CODEC) == []


def test_gold_decides_between_people_who_disagree() -> None:
    """Two who accept the same wrong mask outvote nobody once gold knows them."""
    wrong, right = still(a=(5, 5, 4)), still(a=(0, 0, 4))
    disputed = measured(wrong, wrong, right)
    without = {each.user: each.trust.mean for each in people_of(evidence_of([disputed] * 5, now_s=NOW_S), now_s=NOW_S)}
    assert without["p0"] > without["p2"]
    gold = {
        user: gold_masks(video, right, (0, 1), CODEC) for user, video in (("p0", wrong), ("p1", wrong), ("p2", right))
    }
    known = replace(disputed, gold=gold)
    found = {each.user: each for each in people_of(evidence_of([known, disputed, disputed], now_s=NOW_S), now_s=NOW_S)}
    assert found["p2"].trust.mean > 0.7 > 0.4 > found["p0"].trust.mean
    assert found["p2"].gold is not None
    assert found["p2"].gold.observations == pytest.approx(2, abs=0.1)


def test_trust_over_time_ends_with_the_trust_of_now() -> None:
    tasks = [measured(still(a=(0, 0, 4)), still(a=(0, 0, 4)))]
    later = NOW_S + 60 * DAY_S
    evidence = evidence_of(tasks, now_s=later)
    history = trust_over_time(evidence, now_s=later)
    (now,) = (each.trust for each in people_of(evidence, now_s=later) if each.user == "p0")
    assert [each.at_s for each in history["p0"]] == [1000.0, later]
    assert history["p0"][-1].trust == now
    assert history["p0"][0].trust.observations > now.observations


@pytest.fixture
def ledger(tmp_path: Path) -> SqlLedger:
    return open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", FakeClock())


def measuring(ledger: SqlLedger, crowd: MemoryCrowd) -> Measuring:
    return Measuring(QualityService(ledger, lambda: NOW_S), crowd, CODEC)


def test_only_what_changed_is_measured_again(ledger: SqlLedger) -> None:
    crowd = MemoryCrowd()
    for task in (1, 2):
        crowd.submit(task, 10 * task, "ann", still(a=(0, 0, 4)))
        crowd.submit(task, 10 * task + 1, "bob", still(a=(1, 0, 4)))
    work = measuring(ledger, crowd)
    work.refresh(PROJECT)
    work.refresh(PROJECT)
    assert crowd.opened == [1, 2]
    crowd.submit(2, 21, "bob", still(a=(0, 0, 4)))
    ledger.set_verdict(TASK, GivenVerdict(None, Verdict.REDO, "", "x"), user="eva")
    work.refresh(PROJECT)
    assert crowd.opened == [1, 2, 1, 2]
    service = work.service
    assert figures(service.tasks(PROJECT)[1].objects).overall == 1.0
    agreed = service.agreement(PROJECT)[TASK]
    assert agreed.mean == pytest.approx(0.6)
    assert agreed.low < 0.3 < 0.9 < agreed.high
    assert set(service.trust_over_time(PROJECT)) == {"ann", "bob"}
    assert set(service.people(PROJECT)) == {"ann", "bob"}
    del crowd.annotations[2]
    work.refresh(PROJECT)
    assert [each.task for each in service.tasks(PROJECT)] == [TASK]
    assert service.trust(PROJECT)("nobody").observations == 0.0


def test_a_task_that_cannot_be_read_is_named_and_stops_no_other(ledger: SqlLedger) -> None:
    crowd = MemoryCrowd(unreadable={1})
    for task in (1, 2):
        crowd.submit(task, 10 * task, "ann", still(a=(0, 0, 4)))
    work = measuring(ledger, crowd)
    assert work.refresh(PROJECT).faults == {1: "task 1 cannot be read"}
    assert [each.task.task_id for each in work.service.tasks(PROJECT)] == [2]
    crowd.unreadable = {2}
    assert work.refresh(PROJECT).faults == {}
    assert crowd.opened == [2, 1]
    crowd.submit(2, 20, "ann", still(a=(0, 0, 4)))
    assert set(work.refresh(PROJECT).faults) == {2}
    assert [each.task.task_id for each in work.service.tasks(PROJECT)] == [1, 2]  # as it was before


def test_annotations_of_different_videos_are_not_compared() -> None:
    other = still(a=(0, 0, 4))
    other.info = replace(other.info, frame_count=7)
    with pytest.raises(InvalidInput, match="of 2 frames of 10x10 and of 7 frames of 10x10"):
        measured(still(a=(0, 0, 4)), other)


def test_a_verifiers_verdict_is_known_of_the_maker_without_any_measurement() -> None:
    verified = [JudgedMaker("ann", Verdict.SATISFACTORY, NOW_S)] * 6 + [JudgedMaker("bob", Verdict.REDO, NOW_S)] * 6
    found = {each.user: each for each in people_of(evidence_of([], verified, now_s=NOW_S), now_s=NOW_S)}
    assert found["ann"].trust.low > found["bob"].trust.high
    assert found["bob"].verdicts == {Verdict.REDO: 6}
    assert found["ann"].trust.observations == 12.0
    assert (found["ann"].agreement, found["ann"].gold) == (None, None)
