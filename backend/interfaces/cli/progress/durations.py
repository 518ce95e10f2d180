"""Durations as the command line words them."""

from __future__ import annotations

IN_SECONDS_S = 100
IN_MINUTES_S = 90 * 60


def duration_text(seconds: float) -> str:
    """A duration as people say it, at least a second: 40 s, 12 min, 3.5 h."""
    if seconds < IN_SECONDS_S:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < IN_MINUTES_S else f"{seconds / 3600:.1f} h"
