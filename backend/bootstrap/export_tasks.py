"""Wiring of the sources of `masklet export` that need a service: projects, and runs of the mask store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from backend.adapters.labelstudio.api.project_labels import labels_of_project
from backend.adapters.labelstudio.api.project_source import ProjectSource
from backend.adapters.labelstudio.reading.player_config import label_colors
from backend.adapters.store.datasets.labelled import OpenPictures, no_pictures
from backend.adapters.store.datasets.run_source import RunSource
from backend.application.exports.combined import CombinedSource
from backend.application.ports.datasets import DatasetSource, DatasetVideo
from backend.bootstrap.container import Container
from backend.bootstrap.crowd.people import known_people, quality_service, trust_in_author
from backend.bootstrap.media import media_library
from backend.codecs.coco_rle import CocoCodec
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.datasets import AnnotatorChoice, LabelsFrom
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, NotFound
from backend.domain.tasks import TaskKey

COMBINED = (AnnotatorChoice.Way.BEST, AnnotatorChoice.Way.CONSENSUS, AnnotatorChoice.Way.TRUSTED_CONSENSUS)
"""The ways that make one video of several annotations."""


@contextmanager
def open_project(
    project_id: int, task_ids: Sequence[int], labels_from: str, annotator: AnnotatorChoice
) -> Iterator[DatasetSource]:
    """A project, or these tasks of it. Raises InvalidInput if the settings name no Label Studio."""
    container = Container.from_environment()
    with (
        closing(container.label_studio_session()) as session,
        closing(container.ledger) as ledger,
        media_library(container) as library,
    ):
        is_combined = annotator.way in COMBINED
        source = ProjectSource(
            session,
            library,
            container.masks,
            lambda task: ledger.everybodys_verdicts(task.project_id, task=task),
            project_id,
            LabelsFrom(labels_from),
            task_ids,
            AnnotatorChoice(AnnotatorChoice.Way.EACH) if is_combined else annotator,
        )
        yield (
            CombinedSource(source, annotator.way, CocoCodec(), _trust(container, project_id)) if is_combined else source
        )


@contextmanager
def open_run_of(task: TaskKey, open_pictures: OpenPictures | None) -> Iterator[DatasetSource]:
    """The stored masks of a task. open_pictures: finds its video; None: the media library, if there is Label Studio."""
    container = Container.from_environment()
    with closing(container.ledger) as ledger, media_library(container) as library:
        source = RunSource(
            task,
            ledger,
            container.masks,
            open_pictures or no_pictures,
            label_colors,
            lambda: _labels_of(container, task.project_id),
        )
        if open_pictures is None and container.settings.label_studio_url:
            source = replace(source, open_pictures=lambda name, info: library.open(source.request().media))
        yield source


def _labels_of(container: Container, project_id: int) -> tuple[str, ...]:
    """The project's labels; none without a Label Studio. Raises the session's errors with the way out."""
    if not container.settings.label_studio_url:
        return ()
    with closing(container.label_studio_session()) as session:
        try:
            return labels_of_project(session, project_id)
        except (LabelStudioUnavailable, LabelStudioRefused, NotFound) as error:
            raise type(error)(f"{error}; --classes FILE numbers the classes without the label config") from error


def _trust(container: Container, project_id: int) -> Callable[[DatasetVideo], Estimate]:
    """The trust in the person of an annotation, as `masklet crowd trust` measured it last."""
    service = quality_service(container)
    known: dict[str, PersonQuality] = {}

    def trust(video: DatasetVideo) -> Estimate:
        if not known:
            known.update(known_people(service, project_id))
        return trust_in_author(video, known, service.prior)

    return trust
