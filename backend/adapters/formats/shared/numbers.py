"""The numbers of objects that a format can hold."""

from __future__ import annotations

from backend.application.ports.datasets import DatasetVideo, PlannedVideo
from backend.domain.errors import InvalidInput


def require_numbers(planned: PlannedVideo, video: DatasetVideo, *, most: int, holder: str, instead: str) -> None:
    """Raises InvalidInput, before anything of the video is written, if an object has a number above `most`.

    holder: what holds the numbers. instead: formats without such a limit, for the message.
    """
    highest = max(video.objects, key=lambda item: item.number, default=None)
    if highest is not None and highest.number > most:
        raise InvalidInput(
            f"{planned.entry.name} numbers its objects up to {highest.number} ({highest.label!r}), and {holder} holds "
            f"numbers up to {most}; export to {instead}"
        )
