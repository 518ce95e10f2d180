"""Numbers of labels, in the order of their first use: the same source gives the same numbers."""

from __future__ import annotations


class LabelNumbers:
    """first: the number of the first label."""

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self._numbers: dict[str, int] = {}

    def of(self, label: str) -> int:
        return self._numbers.setdefault(label, self._first + len(self._numbers))

    def items(self) -> list[tuple[int, str]]:
        """(number, label), ascending."""
        return [(number, label) for label, number in self._numbers.items()]

    def categories(self) -> list[dict[str, object]]:
        """The labels as categories of COCO's JSON."""
        return [{"id": number, "name": label, "supercategory": ""} for number, label in self.items()]
