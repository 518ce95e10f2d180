"""Figures of people for requests that cannot wait."""

from __future__ import annotations

import threading

from backend.application.crowd.lead.background_quality import BackgroundQuality
from backend.application.crowd.quality.people import JudgedMaker
from backend.application.crowd.quality.service import QualityService
from backend.domain.errors import ServiceUnavailable
from backend.domain.verdicts import Verdict
from tests.fakes.clock import FakeClock
from tests.fakes.stores import temporary_ledger

LONG_S = 60.0


def test_a_request_gets_the_last_figures_while_newer_ones_are_computed() -> None:
    verdicts = [JudgedMaker("ann", Verdict.SATISFACTORY, 0.0)]
    released, asked = threading.Event(), threading.Event()

    def verified(_: int) -> list[JudgedMaker]:
        asked.set()
        assert released.wait(LONG_S)
        return list(verdicts)

    quality = BackgroundQuality(
        QualityService(temporary_ledger(FakeClock()), lambda: 0.0, verifiers=verified), wait_s=0
    )
    assert quality.people(3) == {}
    assert asked.wait(LONG_S)
    released.set()
    while not (found := quality.people(3)):
        pass
    assert found["ann"].verdicts == {Verdict.SATISFACTORY: 1}

    released.clear()
    verdicts.append(JudgedMaker("bob", Verdict.REDO, 0.0))
    assert set(quality.people(3)) == {"ann"}
    released.set()
    while set(quality.people(3)) != {"ann", "bob"}:
        pass
    assert set(quality.trust_over_time(3)) == {"ann", "bob"}
    assert quality.agreement(3) == {}


def test_a_ledger_that_cannot_be_read_shows_what_was_known() -> None:
    is_broken = threading.Event()

    def verified(_: int) -> list[JudgedMaker]:
        if is_broken.is_set():
            raise ServiceUnavailable("the ledger is away")
        return [JudgedMaker("ann", Verdict.REDO, 0.0)]

    service = QualityService(temporary_ledger(FakeClock()), lambda: 0.0, verifiers=verified)
    quality = BackgroundQuality(service, wait_s=LONG_S)
    assert set(quality.people(3)) == {"ann"}
    is_broken.set()
    assert set(quality.people(3)) == {"ann"}
