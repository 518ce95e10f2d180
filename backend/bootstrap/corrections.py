"""Wiring of correction tasks and their audits."""

from __future__ import annotations

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
    container = Container.from_environment()
    client = container.label_studio
    if client is None:
        raise InvalidInput("no Label Studio is named: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
    if project_id == into:
        raise InvalidInput("correction tasks need a project of their own, with a label config such as keyframe.xml")
    signer, base_url, now_s = container.media_signer, container.public_url, WallClock().now_s
    try:
        label_config = client.label_config(into)
        maker = CorrectionMaker(
            container.ledger,
            container.masks,
            CorrectionTasks(client.imports.session),
            label_config,
            partial(frame_address, signer=signer, base_url=base_url, now_s=now_s),
            build_regions,
            container.task_signer,
            Audits(container.key_values),
            container.task_address,
            partial(object_address, signer=signer, base_url=base_url, now_s=now_s),
            imported_names(container, project_id),
        )
        return maker.make(project_id, into, count, seed=seed), OBJECT_PICTURE in shown_fields(label_config)
    finally:
        client.close()
