"""A server of event streams: each request gets the next of the answers that a test prepared."""

from __future__ import annotations

import json

from fastapi.responses import PlainTextResponse, Response

Event = tuple[str, dict[str, object]]


class StreamServer:
    """Keeps the cursors that were asked for, in their order."""

    def __init__(self) -> None:
        self._answers: list[list[Event] | None] = []
        self.cursors: list[str] = []

    def reset(self) -> None:
        self._answers, self.cursors = [], []

    def prepare(self, *answers: list[Event] | None) -> None:
        """None: the stream is refused."""
        self._answers = list(answers)

    async def answer(self, cursor: str) -> Response:
        self.cursors.append(cursor)
        events = self._answers.pop(0)
        if events is None:
            return PlainTextResponse("unavailable", status_code=503)
        text = "".join(f"event: {name}\ndata: {json.dumps(content)}\n\n" for name, content in events)
        return Response(f"retry: 50\n\n{text}", media_type="text/event-stream")
