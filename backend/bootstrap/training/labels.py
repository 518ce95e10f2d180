"""Wiring of the labels of a training: the project's annotations, verdicts, trust, and media."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from backend.adapters.labelstudio.api.project_source import ProjectSource
from backend.application.exports.combined import no_trust
from backend.application.training.labels import CONSENSUS_WAYS, TrainingLabels, annotator_choice
from backend.bootstrap.container import Container
from backend.bootstrap.crowd.people import known_people, quality_service, trust_in_author
from backend.bootstrap.media import media_library
from backend.codecs.coco_rle import CocoCodec
from backend.domain.datasets import AnnotatorChoice, LabelsFrom
from backend.domain.training.rows import Training
from backend.domain.verdicts import VerdictChoice

EACH = AnnotatorChoice(AnnotatorChoice.Way.EACH)


@contextmanager
def open_labels(container: Container, training: Training) -> Iterator[TrainingLabels]:
    """A project's labels. Several annotations of a task are weighted by trust, if the people's trust was measured.

    Copies of gold tasks are left out: their people do not know the truth, and it is in the task they are copies of.
    Raises InvalidInput if the settings name no Label Studio.
    """
    request, project_id = training.request, training.request.project_id
    choice = annotator_choice(request.annotator)
    ledger = container.ledger
    service = quality_service(container)
    if choice is not None and choice.way is AnnotatorChoice.Way.TRUSTED_CONSENSUS:
        known = known_people(service, project_id)
    else:
        known = service.people(project_id)
    way = AnnotatorChoice.Way.TRUSTED_CONSENSUS if known else AnnotatorChoice.Way.CONSENSUS
    is_of_all = choice is None or choice.way in CONSENSUS_WAYS
    if choice is not None and is_of_all:
        way = choice.way
    with closing(container.label_studio_session()) as session, media_library(container) as library:
        source = ProjectSource(
            session,
            library,
            container.masks,
            lambda task: ledger.everybodys_verdicts(task.project_id, task=task),
            project_id,
            LabelsFrom.ANNOTATIONS,
            annotator=EACH if is_of_all or choice is None else choice,
        )
        yield TrainingLabels(
            source,
            VerdictChoice.parse(request.verdicts),
            CocoCodec(),
            way,
            partial(trust_in_author, known=known, prior=service.prior) if known else no_trust,
            frozenset(each.task.task_id for each in ledger.gold(project_id) if each.is_copy),
        )
