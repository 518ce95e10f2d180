"""Numbers of labels in formats with classes.

Known classes are numbered first, in their order, whether or not an object has them; so a number does not depend on
the objects of one export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from backend.domain.datasets import FIRST_USE
from backend.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class KnownClasses:
    """labels: in the order of their numbers. origin: where they are from, for the manifest.

    is_complete: other labels are refused. Otherwise they are numbered after these, by first use.
    """

    labels: tuple[str, ...] = ()
    origin: str = FIRST_USE
    is_complete: bool = False

    @classmethod
    def of_config(cls, labels: tuple[str, ...]) -> Self:
        """The labels of a label config; of none if there is no config."""
        return cls(labels, "label config") if labels else cls()

    def require(self, label: str) -> None:
        """Raises InvalidInput for a label that has no number and may not get one."""
        if self.is_complete and label not in self.labels:
            raise InvalidInput(
                f"an object has the label {label!r}, and {self.origin} has {', '.join(map(repr, self.labels))}; give "
                "--classes a file with these names, a name a line, and the new one after them"
            )


NO_CLASSES = KnownClasses()


class LabelNumbers:
    """first: the number of the first class."""

    def __init__(self, first: int = 1, known: KnownClasses = NO_CLASSES) -> None:
        self._first = first
        self._known = known
        self._numbers: dict[str, int] = {label: number for number, label in enumerate(known.labels, first)}

    def of(self, label: str) -> int:
        """Raises InvalidInput for a label that the known classes leave out."""
        self._known.require(label)
        return self._numbers.setdefault(label, self._first + len(self._numbers))

    def items(self) -> list[tuple[int, str]]:
        """(number, label), ascending."""
        return [(number, label) for label, number in self._numbers.items()]

    def categories(self) -> list[dict[str, object]]:
        """The labels as categories of COCO's JSON."""
        return [{"id": number, "name": label, "supercategory": ""} for number, label in self.items()]

    def notes(self) -> dict[str, object]:
        """The manifest's entry on the classes."""
        return class_notes(dict(self.items()), self._known)


def class_notes(classes: dict[int, str], known: KnownClasses) -> dict[str, object]:
    """The manifest's entry on classes by number."""
    return {"classes": classes, "class_order": known.origin}
