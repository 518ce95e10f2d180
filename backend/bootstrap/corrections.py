"""Wiring of correction tasks and their audits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from backend.adapters.labelstudio.api.correction_tasks import CorrectionTasks
from backend.adapters.labelstudio.config.shown_fields import shown_fields
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.machine.clocks import WallClock
from backend.adapters.media.serving.addresses import frame_address, object_address
from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import OBJECT_PICTURE
from backend.application.review.make_corrections import CorrectionMaker, CorrectionTask
from backend.bootstrap.container import Container
from backend.bootstrap.imports.batch_status import imported_names
from backend.domain.errors import InvalidInput


def make_corrections(project_id: int, into: int, count: int, *, seed: int) -> tuple[list[CorrectionTask], bool]:
    """See CorrectionMaker.make; and whether the label config of the tasks shows the picture of the object.

    Raises InvalidInput without a Label Studio, or if both projects are the same.
    """
    with open_corrections(Container.from_environment(), project_id, into) as maker:
        return maker.make(project_id, into, count, seed=seed), OBJECT_PICTURE in shown_fields(maker.label_config)


@contextmanager
def open_corrections(container: Container, project_id: int, into: int) -> Iterator[CorrectionMaker]:
    """Makes correction tasks for a project in project `into`. Raises as make_corrections."""
    client = container.label_studio
    if client is None:
        raise InvalidInput("no Label Studio is named: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
    if project_id == into:
        raise InvalidInput("correction tasks need a project of their own, with a label config such as keyframe.xml")
    signer, base_url, now_s = container.media_signer, container.public_url, WallClock().now_s
    with closing(client):
        yield CorrectionMaker(
            container.ledger,
            container.masks,
            CorrectionTasks(client.imports.session),
            client.label_config(into),
            partial(frame_address, signer=signer, base_url=base_url, now_s=now_s),
            build_regions,
            container.task_signer,
            Audits(container.key_values),
            container.task_address,
            partial(object_address, signer=signer, base_url=base_url, now_s=now_s),
            imported_names(container, project_id),
        )
