"""The progress of an import, as a protocol."""

from __future__ import annotations

from typing import Protocol


class BatchProgress(Protocol):
    """Gets the steps of an import that take long."""

    def frame(self) -> None:
        """A frame of a video was encoded anew."""
        ...

    def search(self, clip: str, done: int, total: int) -> None:
        """Steps of the automatic segmentation of a clip. done equals total at its end."""
        ...
