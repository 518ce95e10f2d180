"""Values of a slow server: used while they are renewed, and for how long."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend.domain.errors import LabelStudioUnavailable
from backend.interfaces.http.player.renewed import Renewed
from tests.fakes.clock import FakeClock


class Server:
    """Gives 1, 2, 3, …; raises while it is down."""

    def __init__(self) -> None:
        self.reads = 0
        self.is_down = False

    def read(self) -> int:
        if self.is_down:
            raise LabelStudioUnavailable("down")
        self.reads += 1
        return self.reads


class Beside:
    """Work beside the caller, run when the test says so."""

    def __init__(self) -> None:
        self.works: list[Callable[[], None]] = []

    def run(self) -> None:
        while self.works:
            self.works.pop()()


def test_an_older_value_is_used_while_it_is_read_once_more() -> None:
    clock, server, beside = FakeClock(), Server(), Beside()
    values: Renewed[str, int] = Renewed(4, clock, renew_after_s=5, longest_s=60, run=beside.works.append)
    assert (values.get("a", server.read), beside.works) == (1, [])
    clock.sleep(4)
    assert (values.get("a", server.read), beside.works) == (1, [])
    clock.sleep(2)
    assert [values.get("a", server.read) for _ in range(3)] == [1, 1, 1]
    assert len(beside.works) == 1
    beside.run()
    assert values.get("a", server.read) == 2


@pytest.mark.parametrize(("age_s", "longest_s", "value"), [(59, None, 1), (60, None, 2), (6, 6, 2), (6, 7, 1)])
def test_the_caller_reads_a_value_that_is_too_old(age_s: float, longest_s: float | None, value: int) -> None:
    clock, server, beside = FakeClock(), Server(), Beside()
    values: Renewed[str, int] = Renewed(4, clock, renew_after_s=5, longest_s=60, run=beside.works.append)
    values.get("a", server.read)
    clock.sleep(age_s)
    assert values.get("a", server.read, longest_s=longest_s) == value


def test_an_error_beside_the_caller_leaves_the_value_until_it_is_too_old() -> None:
    clock, server, beside = FakeClock(), Server(), Beside()
    values: Renewed[str, int] = Renewed(4, clock, renew_after_s=5, longest_s=60, run=beside.works.append)
    values.get("a", server.read)
    server.is_down = True
    clock.sleep(10)
    assert values.get("a", server.read) == 1
    beside.run()
    assert values.get("a", server.read) == 1
    assert len(beside.works) == 1  # asked again
    clock.sleep(50)
    with pytest.raises(LabelStudioUnavailable):
        values.get("a", server.read)
