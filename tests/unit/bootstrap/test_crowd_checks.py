"""Whether what a person made is verified."""

from __future__ import annotations

from backend.application.crowd.quality.people import JudgedMaker
from backend.application.crowd.quality.service import QualityService
from backend.bootstrap.crowd.routing import is_checked
from backend.domain.crowd.routing import Checks, Crowd, Role
from backend.domain.verdicts import Verdict
from tests.fakes.clock import FakeClock
from tests.fakes.stores import temporary_ledger

PROJECTS = {Role.TRACK: 3, Role.VERIFY: 4}
DRAWS = 400


def shares(checks: Checks) -> dict[str, float]:
    """How often the masks of a trusted person, a distrusted one and a newcomer are verified."""
    verdicts = [JudgedMaker("ann", Verdict.SATISFACTORY, 0.0)] * 100 + [JudgedMaker("bob", Verdict.REDO, 0.0)] * 9
    quality = QualityService(temporary_ledger(FakeClock()), lambda: 0.0, verifiers=lambda _: verdicts)
    crowd = Crowd("cats", PROJECTS, checks=checks)
    return {
        maker: sum(is_checked(quality, crowd, maker) for _ in range(DRAWS)) / DRAWS for maker in ("ann", "bob", "new")
    }


def test_the_share_falls_with_trust_and_a_newcomers_work_is_verified_whole() -> None:
    found = shares(Checks.TRUST)
    assert 0.0 < found["ann"] < 0.5
    assert (found["bob"], found["new"]) == (1.0, 1.0)


def test_without_the_option_all_is_verified() -> None:
    assert set(shares(Checks.ALL).values()) == {1.0}
