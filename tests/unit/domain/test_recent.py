"""The bounded store: what is kept, what is dropped."""

from __future__ import annotations

import pytest

from backend.domain.recent import Recent


def test_the_value_that_was_not_used_for_the_longest_time_is_dropped() -> None:
    recent = Recent[str, int](2)
    recent.put("first", 1)
    recent.put("second", 2)
    assert recent.get("first") == 1  # a read is a use
    recent.put("third", 3)
    assert (recent.get("first"), recent.get("second"), recent.get("third")) == (1, None, 3)


def test_a_value_is_made_only_where_there_is_none() -> None:
    recent = Recent[str, list[int]](2)
    made = recent.get_or_put("key", list)
    made.append(1)
    assert recent.get_or_put("key", lambda: pytest.fail("a value is there")) is made


def test_a_value_that_cannot_be_made_leaves_nothing() -> None:
    recent = Recent[str, int](2)
    with pytest.raises(ValueError, match="none"):
        recent.get_or_put("key", lambda: int("none"))
    assert recent.get("key") is None
    assert recent.get_or_put("key", lambda: 2) == 2
