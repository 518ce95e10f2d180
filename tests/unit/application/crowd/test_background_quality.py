"""Figures of people for requests that cannot wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from backend.application.crowd.lead.background_quality import AFTER_THE_PAGE_S, REST, BackgroundQuality
from backend.application.crowd.quality.people import JudgedMaker
from backend.application.crowd.quality.service import QualityService
from backend.domain.errors import ServiceUnavailable
from backend.domain.verdicts import Verdict
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import eventually
from tests.fakes.stores import temporary_ledger

LONG_S = 60.0


def quality_of(verified: Callable[[int], Sequence[JudgedMaker]], *, wait_s: float = LONG_S) -> BackgroundQuality:
    service = QualityService(temporary_ledger(FakeClock()), lambda: 0.0, verifiers=verified)
    return BackgroundQuality(service, wait_s=wait_s, sleep=lambda _: None)


def is_computing() -> bool:
    """Whether the caller runs beside the requests."""
    return threading.current_thread().name == "quality"


def test_a_request_gets_the_last_figures_while_newer_ones_are_computed() -> None:
    verdicts = [JudgedMaker("ann", Verdict.SATISFACTORY, 0.0)]
    released, asked = threading.Event(), threading.Event()

    def verified(_: int) -> list[JudgedMaker]:
        if is_computing():
            asked.set()
            assert released.wait(LONG_S)
        return list(verdicts)

    quality = quality_of(verified, wait_s=0)
    assert quality.people(3) == {}
    assert quality.is_measuring(3)
    assert not quality.is_measuring(4)
    assert asked.wait(LONG_S)
    released.set()
    eventually(lambda: bool(quality.people(3)))
    assert quality.people(3)["ann"].verdicts == {Verdict.SATISFACTORY: 1}

    released.clear()
    verdicts.append(JudgedMaker("bob", Verdict.REDO, 0.0))
    assert set(quality.people(3)) == {"ann"}
    assert quality.is_measuring(3)
    released.set()
    eventually(lambda: set(quality.people(3)) == {"ann", "bob"})
    assert set(quality.trust_over_time(3)) == {"ann", "bob"}
    assert quality.agreement(3) == {}
    eventually(lambda: not quality.is_measuring(3))


def test_what_did_not_change_is_not_computed_again() -> None:
    computed = []

    def verified(project_id: int) -> list[JudgedMaker]:
        computed.extend([project_id] if is_computing() else [])
        return [JudgedMaker("ann", Verdict.REDO, 0.0)]

    quality = quality_of(verified)
    for _ in range(5):
        assert set(quality.people(3)) == {"ann"}
    assert set(quality.people(4)) == {"ann"}
    assert computed == [3, 4]


def test_projects_are_computed_one_after_the_other() -> None:
    at_once, most = 0, 0
    released = threading.Event()

    def verified(_: int) -> list[JudgedMaker]:
        nonlocal at_once, most
        if is_computing():
            at_once += 1
            most = max(most, at_once)
            assert released.wait(LONG_S)
            at_once -= 1
        return [JudgedMaker("ann", Verdict.REDO, 0.0)]

    quality = quality_of(verified, wait_s=0)
    for project_id in range(1, 6):
        assert quality.people(project_id) == {}
    released.set()
    eventually(lambda: not any(quality.is_measuring(project_id) for project_id in range(1, 6)))
    assert [set(quality.people(project_id)) for project_id in range(1, 6)] == [{"ann"}] * 5
    assert most == 1


def test_a_ledger_that_cannot_be_read_shows_what_was_known() -> None:
    is_broken = threading.Event()

    def verified(_: int) -> list[JudgedMaker]:
        if is_broken.is_set():
            raise ServiceUnavailable("the ledger is away")
        return [JudgedMaker("ann", Verdict.REDO, 0.0)]

    quality = quality_of(verified)
    assert set(quality.people(3)) == {"ann"}
    is_broken.set()
    assert set(quality.people(3)) == {"ann"}


def test_an_error_beside_the_requests_ends_nothing() -> None:
    errors = iter([ServiceUnavailable("the ledger is away"), KeyError("a mistake")])

    def verified(_: int) -> list[JudgedMaker]:
        error = next(errors, None) if is_computing() else None
        if error is not None:
            raise error
        return [JudgedMaker("ann", Verdict.REDO, 0.0)]

    quality = quality_of(verified)
    assert [set(quality.people(3)) for _ in range(3)] == [set(), set(), {"ann"}]


def test_figures_that_took_long_rest_before_they_are_computed_again() -> None:
    """While a crowd works they change all the time. Until then the last ones are shown, and said to be measured."""
    verdicts = [JudgedMaker("ann", Verdict.REDO, 0.0)]
    now_s = 0.0

    def verified(_: int) -> list[JudgedMaker]:
        nonlocal now_s
        now_s += 10.0 if is_computing() else 0.0
        return list(verdicts)

    service = QualityService(temporary_ledger(FakeClock()), lambda: 0.0, verifiers=verified)
    quality = BackgroundQuality(service, wait_s=LONG_S, now_s=lambda: now_s)
    assert set(quality.people(3)) == {"ann"}
    assert not quality.is_measuring(3)
    verdicts.append(JudgedMaker("bob", Verdict.REDO, 0.0))
    for _ in range(3):
        assert set(quality.people(3)) == {"ann"}
        assert quality.is_measuring(3)
    assert now_s == 10.0
    now_s = 10.0 + REST * 10.0
    assert set(quality.people(3)) == {"ann", "bob"}
    assert not quality.is_measuring(3)


def test_figures_that_take_long_are_computed_after_the_page_that_asks() -> None:
    verdicts = [JudgedMaker("ann", Verdict.REDO, 0.0)]
    now_s, is_drawn = 0.0, threading.Event()
    slept: list[float] = []

    def verified(_: int) -> list[JudgedMaker]:
        nonlocal now_s
        now_s += 2 * LONG_S if is_computing() else 0.0
        return list(verdicts)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert is_drawn.wait(LONG_S)

    service = QualityService(temporary_ledger(FakeClock()), lambda: 0.0, verifiers=verified)
    quality = BackgroundQuality(service, wait_s=LONG_S, now_s=lambda: now_s, sleep=sleep)
    assert set(quality.people(3)) == {"ann"}
    assert slept == []
    verdicts.append(JudgedMaker("bob", Verdict.REDO, 0.0))
    now_s += REST * 2 * LONG_S
    assert set(quality.people(3)) == {"ann"}
    assert quality.is_measuring(3)
    is_drawn.set()
    eventually(lambda: set(quality.people(3)) == {"ann", "bob"})
    assert slept == [AFTER_THE_PAGE_S]
