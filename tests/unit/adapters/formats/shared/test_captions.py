"""Captions do not cover each other while the picture has room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.adapters.formats.shared.captions import Place, placed
from backend.domain.geometry import FrameSize

SIZE = FrameSize(400, 300)


def test_a_caption_that_covers_none_stays_where_it_is_wanted() -> None:
    wanted = [Place(10, 50, 40, 12), Place(60, 50, 40, 12), Place(10, 80, 40, 12)]
    assert placed(wanted, SIZE) == wanted


def test_captions_at_one_place_are_stacked_around_it() -> None:
    assert placed([Place(10, 50, 40, 12)] * 3, SIZE) == [
        Place(10, 50, 40, 12),
        Place(10, 37, 40, 12),
        Place(10, 63, 40, 12),
    ]


def test_captions_at_the_edge_stay_in_the_picture() -> None:
    assert placed([Place(390, -9, 40, 12), Place(390, -9, 40, 12)], SIZE) == [
        Place(360, 0, 40, 12),
        Place(360, 13, 40, 12),
    ]


def test_a_full_picture_keeps_every_caption() -> None:
    tiny = FrameSize(40, 12)
    assert placed([Place(0, 0, 40, 12)] * 2, tiny) == [Place(0, 0, 40, 12)] * 2
    assert placed([Place(0, 0, 90, 30)], tiny) == [Place(0, 0, 90, 30)], "larger than the picture"


PLACES = st.builds(Place, st.integers(-50, 420), st.integers(-50, 320), st.integers(20, 60), st.just(12))


@given(wanted=st.lists(PLACES, max_size=10))
def test_ten_captions_never_cover_each_other(wanted: list[Place]) -> None:
    found = placed(wanted, SIZE)
    assert [(each.width, each.height) for each in found] == [(each.width, each.height) for each in wanted]
    assert all(each == each.within(SIZE) for each in found)
    assert not any(one.overlaps(other) for at, one in enumerate(found) for other in found[:at])
