"""A lead's page with pictures that no child process makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.thumbnails import Thumbnails
from backend.domain.masklets import EncodedMask
from backend.domain.tasks import MediaRef
from tests.fakes.trainings import web_trainings
from tests.unit.interfaces.http.lead.builders import LeadWeb


class RecordingDecoder(PageDecoder):
    """What the child is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[MediaRef, int, int]] = []

    def thumbnail(self, media: MediaRef, content_hash: str, frame: int, masks: Sequence[EncodedMask | None]) -> bytes:
        assert bool(content_hash) == bool(masks)
        self.asked.append((media, frame, sum(mask is not None for mask in masks)))
        return b"a JPEG file"


@pytest.fixture
def decoder() -> RecordingDecoder:
    return RecordingDecoder()


@pytest.fixture
def pictured(tmp_path: Path, decoder: RecordingDecoder) -> LeadWeb:
    made = LeadWeb()
    thumbnails = Thumbnails(decoder, PageCache(tmp_path, 10**6))
    trainings = web_trainings(made.web.stored, tmp_path)  # type: ignore[arg-type]  # the whole ledger
    made.web.parts = replace(made.web.parts, thumbnails=thumbnails, trainings=trainings)
    made.app = made.web.app
    return made
