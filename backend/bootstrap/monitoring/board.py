"""Wiring of the board of measures: workers write it, the web process reads it."""

from __future__ import annotations

from backend.adapters.queue.measures_board import MeasuresBoard
from backend.adapters.queue.names import connect
from backend.bootstrap.container import Container

REPLY_S = 2.0


def open_measures_board(container: Container) -> MeasuresBoard:
    """The board on the queue's server. Raises QueueUnavailable without a server in the settings."""
    return MeasuresBoard(connect(container.queue_address, timeout_s=REPLY_S))
