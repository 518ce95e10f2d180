"""The fleet benchmark: its figures from what the workers noted, and where it says that the curve bends."""

from __future__ import annotations

import pytest

from backend.domain.video import Direction
from scripts.benchmarks.fleet import bend, main
from scripts.benchmarks.fleet_simulation.machine import Processor
from scripts.benchmarks.fleet_simulation.point import Figures, Watched, figures_of, pauses
from scripts.benchmarks.fleet_simulation.services import Latencies
from scripts.benchmarks.fleet_simulation.stand_in import StandInEngine, StandInMedia, media_of, prompts
from scripts.benchmarks.fleet_simulation.worker import WorkLog, named

UPDATE = "UPDATE masklet_jobs"
FIRST = WorkLog(
    [9.0, 10.5, 11.5, 20.0], [(9.0, 10.9, 2), (11.0, 21.0, 2)], [(10.5, UPDATE), (11.0, UPDATE), (9.0, "SET")]
)
SECOND = WorkLog([10.1, 10.2], [(10.0, 10.3, 2)], [(10.1, "SET")])


class NeverCancelled:
    def raise_if_cancelled(self) -> None:
        """Go on."""


def test_figures_are_those_of_the_watched_time() -> None:
    used = Processor({"workers": 0.4, "ledger": 0.2}, 1.0)
    latencies = Latencies(ledger=[1.0, 3.0, 2.0])
    watched = Watched(
        10.0, 12.0, used, transactions=8, connections=5, latencies=latencies, machine_busy_share=0.25, waiting=7
    )
    figures = figures_of(watched, [FIRST, SECOND])
    assert figures["frames_per_s"] == 2.0, "four frames in two seconds"
    assert figures["statements_per_frame"] == 0.75
    assert figures["statements_by_kind"] == {UPDATE: 0.5, "SET": 0.25}
    assert figures["transactions_per_frame"] == 2.0
    assert figures["cpu_ms_per_frame"] == {"workers": 100.0, "ledger": 50.0}
    assert figures["ledger_ms"] == {"p50": 2.0, "p95": 3.0}
    assert figures["queue_ms_per_job"] == {"p50": 100.0, "p95": 100.0}
    assert (figures["store_put_ms"], figures["cpu_busy"]) == ({}, 0.25)


def test_pauses_are_between_two_jobs_of_a_worker() -> None:
    assert pauses(FIRST, 10.0, 12.0) == [pytest.approx(0.1)]
    assert pauses(FIRST, 10.95, 12.0) == [], "it began before"
    assert pauses(SECOND, 0.0, 99.0) == []


@pytest.mark.parametrize(
    ("shares", "busy", "waiting", "at", "cause"),
    [
        ((1.0, 0.95, 0.91), 0.99, 3, None, ""),
        ((1.0, 0.95, 0.6), 0.97, 3, 4, "the machine's processor is busy"),
        ((1.0, 0.89, 0.6), 0.3, 3, 2, "not the processor: see the latencies"),
        ((1.0, 0.95, 0.6), 0.3, 0, 4, "no jobs were left: the figure says nothing"),
    ],
)
def test_the_bend_is_told_with_its_cause(
    shares: tuple[float, ...], busy: float, waiting: int, at: int | None, cause: str
) -> None:
    points: list[Figures] = [
        {"workers": 2**n, "to_linear": share, "cpu_busy": busy, "jobs_waiting": waiting}
        for n, share in enumerate(shares)
    ]
    assert bend(points) == {"at_workers": at, "cause": cause}


def test_statements_are_named_by_verb_and_table() -> None:
    assert named("SELECT x.a\nFROM (SELECT a FROM masklet_jobs) AS x") == "SELECT masklet_jobs"
    assert named("update masklet_jobs SET a=1") == UPDATE
    assert named("SET LOCAL synchronous_commit TO OFF") == "SET"


def test_the_stand_in_makes_each_frame_of_each_object() -> None:
    made: list[None] = []
    video = StandInMedia().open(media_of(3, 4), task=None)
    engine = StandInEngine(0.0, lambda: made.append(None))
    frames = engine.propagate(video, prompts(), direction=Direction.FORWARD, cancel=NeverCancelled())
    assert [(each.frame_index, len(each.objects)) for each in frames] == [(n, 2) for n in range(4)]
    assert (len(made), frames.done, frames.total) == (4, 4, 4)
    again = engine.propagate(video, prompts(), direction=Direction.FORWARD, cancel=NeverCancelled(), resume=b"fake 3")
    assert [each.frame_index for each in again] == [3]


def test_an_unknown_store_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--stores", "tape"])
    assert "s3, file" in capsys.readouterr().err
