"""Wiring of a crowd's quality: measuring, trust, consensus, gold."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial

from backend.adapters.labelstudio.api.project_source import ProjectSource
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.crowd.annotated_tasks import LabelStudioCrowd
from backend.adapters.labelstudio.crowd.gold_project import LabelStudioGold
from backend.adapters.labelstudio.writing.consensus_regions import consensus_regions
from backend.adapters.labelstudio.writing.lost_objects import with_lost_objects
from backend.adapters.machine.clocks import WallClock
from backend.application.crowd.quality.gold_tasks import GoldKeeper, GoldMixer
from backend.application.crowd.quality.service import Measuring, QualityService
from backend.application.crowd.quality.write_consensus import ConsensusWriter
from backend.application.ports.media import MediaLibrary
from backend.bootstrap.container import Container
from backend.bootstrap.crowd.people import quality_service
from backend.bootstrap.media import media_library
from backend.codecs.coco_rle import CocoCodec
from backend.domain.datasets import AnnotatorChoice, LabelsFrom
from backend.domain.errors import InvalidInput

EACH = AnnotatorChoice(AnnotatorChoice.Way.EACH)


@dataclass(frozen=True, slots=True)
class CrowdQuality:
    """The use cases of one command."""

    measuring: Measuring
    consensus: ConsensusWriter
    keeper: GoldKeeper
    mixer: GoldMixer

    @property
    def service(self) -> QualityService:
        return self.measuring.service


@contextmanager
def open_quality(container: Container) -> Iterator[CrowdQuality]:
    """Raises InvalidInput if the settings name no Label Studio."""
    client = container.label_studio
    if client is None:
        raise InvalidInput("no Label Studio is named: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
    with ExitStack() as stack:
        session, ledger = stack.enter_context(closing(container.label_studio_session())), container.ledger
        media = stack.enter_context(media_library(container))
        stack.callback(ledger.close)
        stack.callback(client.close)
        crowd = LabelStudioCrowd(partial(_source, container, session, media))
        codec, now_s = CocoCodec(), WallClock().now_s
        yield CrowdQuality(
            Measuring(quality_service(container), crowd, codec),
            ConsensusWriter(crowd, ledger, container.masks, codec, client, consensus_regions),
            GoldKeeper(crowd, ledger, now_s, secrets.SystemRandom().random),
            GoldMixer(
                LabelStudioGold(session), ledger, with_lost_objects, partial(secrets.token_hex, 20), _random_order
            ),
        )


def _source(
    container: Container, session: Session, media: MediaLibrary, project_id: int, task_id: int | None
) -> ProjectSource:
    return ProjectSource(
        session,
        media,
        container.masks,
        lambda task: container.ledger.everybodys_verdicts(task.project_id, task=task),
        project_id,
        LabelsFrom.ANNOTATIONS,
        () if task_id is None else (task_id,),
        EACH,
    )


def _random_order(count: int) -> Sequence[int]:
    order = list(range(count))
    random.SystemRandom().shuffle(order)
    return order
