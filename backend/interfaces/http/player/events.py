"""Server-sent events of the user's newest propagation: its state, and its masks as they are made."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
from anyio import CapacityLimiter

from backend.application.player.propagation import EventPage
from backend.domain.errors import MaskletError
from backend.interfaces.http.player.forms import job_form, mask_forms
from backend.interfaces.http.player.problems import problem_form_of

POLL_S = 0.2
LONGEST_S = 20.0
"""After this time the stream ends and the browser asks again from its last event: a stopping server waits for it."""

RETRY_MS = 300
STREAMS = 64
RATE_OVER_S = 3.0

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


@dataclass(slots=True)
class FrameRate:
    """Frames per second over the last RATE_OVER_S seconds."""

    counts: list[tuple[float, int]] = field(default_factory=list)

    def add(self, now_s: float, done: int) -> float | None:
        """The rate with this count of frames; None until two counts differ."""
        if self.counts and done < self.counts[-1][1]:
            self.counts.clear()
        self.counts.append((now_s, done))
        while len(self.counts) > 2 and now_s - self.counts[1][0] >= RATE_OVER_S:
            del self.counts[0]
        first_s, first = self.counts[0]
        return (done - first) / (now_s - first_s) if done > first and now_s > first_s else None


class EventStream:
    """One client's stream. read: a page from a cursor on. Ends with the propagation, or after LONGEST_S."""

    def __init__(
        self, read: Callable[[str], EventPage], limiter: CapacityLimiter, now_s: Callable[[], float], frame_count: int
    ) -> None:
        self._read = read
        self._limiter = limiter
        self._now_s = now_s
        self._frame_count = frame_count

    async def events(self, cursor: str) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        give_up_s, rate, told = self._now_s() + LONGEST_S, FrameRate(), ""
        while self._now_s() < give_up_s:
            try:
                page = await anyio.to_thread.run_sync(self._read, cursor, limiter=self._limiter)
            except MaskletError as error:
                yield event("problem", problem_form_of(error))
                return
            if page.masks:
                yield event("masks", {"masks": mask_forms(page.masks), "cursor": page.cursor}, cursor=page.cursor)
            if page.run is not None:
                frames_per_s = rate.add(self._now_s(), page.run.job.done)
                shown = job_form(page.run, self._frame_count, frames_per_s=frames_per_s)
                if (text := json.dumps(shown)) != told:
                    told = text
                    yield event("job", shown)
            is_more_stored = page.cursor != cursor
            cursor = page.cursor
            if page.is_over:
                yield event("end", {})
                return
            if not is_more_stored:
                await anyio.sleep(POLL_S)


def event(name: str, content: object, *, cursor: str = "") -> bytes:
    mark = f"id: {cursor}\n" if cursor else ""
    return f"event: {name}\n{mark}data: {json.dumps(content)}\n\n".encode()
