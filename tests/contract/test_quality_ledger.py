"""Measurements, gold and written consensus in the ledger, on both databases."""

from __future__ import annotations

import numpy as np

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.quality_ledger import WrittenConsensus
from backend.codecs.quality_json import measured_json, truth_json
from backend.domain.crowd.agreement import ObjectAgreement
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.crowd.gold import GoldMask
from backend.domain.crowd.gold_truth import GoldTask, GoldTruth
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

TASK, OTHER = TaskKey(3, 41), TaskKey(3, 42)
CAT = DatasetObject(1, ObjectId("a"), "Cat")


def measured(task: TaskKey = TASK) -> MeasuredTask:
    iou = np.array([[0.51234, np.nan, 0.0], [1.0, 0.25, 0.5]])
    present = np.array([[True, False, True], [True, True, True]])
    people = tuple(Submission(f"{name}@example.org", number, 5.5) for number, name in enumerate("abc"))
    gold = {"a@example.org": (GoldMask(7, "Cat", 0.75),)}
    verdicts = {"b@example.org": {Verdict.REDO: 2}}
    objects = (
        ObjectAgreement("Cat", (0, 7), iou, iou, present),
        ObjectAgreement("Dog", (), iou[:0], iou[:0], present[:0]),
    )
    return MeasuredTask(task, people, objects, gold, verdicts)


def shown(mask: EncodedMask | None, box: Box | None) -> LabelledMask:
    return LabelledMask(CAT, mask, box, MaskOrigin.HUMAN, 0.0, approved=True)


TRUTH = GoldTruth(
    FrameSize(10, 8),
    30,
    (CAT,),
    {4: (shown(EncodedMask(8, 10, "04"), None),), 9: (), 20: (shown(None, Box(0.1, 0.2, 0.5, 0.6)),)},
)


def gold(task: TaskKey = TASK, key: str = "", added_s: float = 1.0) -> GoldTask:
    return GoldTask(task, TASK, key, 11, TRUTH, added_s)


def test_measurements_are_read_as_they_were_written(ledger: SqlLedger) -> None:
    ledger.record_measurement(measured(), state="one")
    ledger.record_measurement(measured(OTHER), state="other")
    ledger.record_measurement(measured(), state="two")
    ledger.record_measurement(measured(TaskKey(4, 41)), state="of another project")
    assert ledger.measurement_states(3) == {TASK: "two", OTHER: "other"}
    first, second = ledger.measurements(3)
    assert (first.task, second.task) == (TASK, OTHER)
    assert measured_json(first) == measured_json(measured())
    assert np.isnan(first.objects[0].iou[0, 1])
    assert first.objects[0].agrees.shape == (2, 3, 3)
    assert first.objects[1].iou.shape == (0, 3)
    ledger.forget_measurements(3, [41])
    assert list(ledger.measurement_states(3)) == [OTHER]


def test_gold_has_one_row_for_each_source_and_copy(ledger: SqlLedger) -> None:
    ledger.put_gold(gold(TaskKey(3, 0), key="40-abc"))
    ledger.put_gold(gold())
    ledger.put_gold(gold(TaskKey(3, 0), key="40-def"))
    ledger.put_gold(gold(TaskKey(5, 0), key="40-abc"))
    ledger.put_gold(gold(TaskKey(3, 77), key="40-abc"))
    ledger.put_gold(gold(added_s=2.0))
    found = ledger.gold(3)
    assert [(each.task.task_id, each.key, each.added_s) for each in found] == [
        (41, "", 2.0),
        (77, "40-abc", 1.0),
        (0, "40-def", 1.0),
    ]
    assert truth_json(found[0].truth) == truth_json(TRUTH)
    assert found[0].truth.frames[20][0].box == Box(0.1, 0.2, 0.5, 0.6)
    assert ledger.remove_gold(TASK) == (TaskKey(3, 77), TaskKey(3, 0), TaskKey(5, 0))
    assert (ledger.gold(3), ledger.gold(5)) == ((), ())


def test_a_written_consensus_replaces_the_earlier_one_and_keeps_its_masks(ledger: SqlLedger) -> None:
    ledger.put_consensus(WrittenConsensus(TASK, "", "u-1-a1", 0))
    written = WrittenConsensus(TASK, "state", "u-2-a1", 9)
    ledger.put_consensus(written)
    assert ledger.consensus(3) == {TASK: written}
    assert ledger.annotation_runs(["u-1-a1", "u-2-a1", "u-3-a1"]) == {"u-2-a1"}


def test_a_deleted_task_is_forgotten(ledger: SqlLedger) -> None:
    ledger.record_measurement(measured(), state="one")
    ledger.put_gold(gold())
    ledger.put_consensus(WrittenConsensus(TASK, "state", "u-2-a1", 9))
    ledger.forget_task(TASK)
    assert (ledger.measurements(3), ledger.gold(3), ledger.consensus(3)) == ((), (), {})
