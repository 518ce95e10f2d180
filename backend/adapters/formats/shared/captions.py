"""The places of captions on a picture: none covers another, as far as the picture has room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from backend.domain.geometry import FrameSize

GAP_PX = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle in pixels: left and top edge from 0, width and height."""

    left: int
    top: int
    width: int
    height: int

    def overlaps(self, other: Place) -> bool:
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def within(self, size: FrameSize) -> Place:
        """The place moved into the picture, as far as it fits there."""
        left = max(min(self.left, size.width - self.width), 0)
        return replace(self, left=left, top=max(min(self.top, size.height - self.height), 0))


def placed(wanted: Sequence[Place], size: FrameSize) -> list[Place]:
    """A place for each caption, in order: the wanted one, or else the nearest free one above, below or beside others.

    A caption without a free place stays where it is wanted.
    """
    taken: list[Place] = []
    for place in wanted:
        own = place.within(size)
        taken.append(_free(own, [own], taken) or _free(own, _stacked(own, taken, size), taken) or own)
    return taken


def _free(own: Place, candidates: Iterable[Place], taken: Sequence[Place]) -> Place | None:
    """The nearest candidate that covers no taken place; of equally near ones the upper and then the left one."""
    for other in sorted(candidates, key=lambda c: (_distance(c, own), c.top, c.left)):
        if not any(other.overlaps(each) for each in taken):
            return other
    return None


def _stacked(own: Place, taken: Sequence[Place], size: FrameSize) -> Iterator[Place]:
    """Places in the picture that touch taken ones: above and below in the own column, and beside."""
    for each in taken:
        tops = (each.top - own.height - GAP_PX, each.top + each.height + GAP_PX)
        lefts = (each.left - own.width - GAP_PX, each.left + each.width + GAP_PX)
        for other in (*(replace(own, top=top) for top in tops), *(replace(own, left=left) for left in lefts)):
            if other == other.within(size):
                yield other


def _distance(place: Place, other: Place) -> int:
    """Squared, in pixels."""
    return (place.left - other.left) ** 2 + (place.top - other.top) ** 2
