"""Wiring of correction tasks and their audits."""

from __future__ import annotations

from functools import partial

from backend.adapters.labelstudio.api.correction_tasks import CorrectionTasks
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.machine.clocks import WallClock
from backend.adapters.media.serving.addresses import frame_address
from backend.application.review.audits import Audits
from backend.application.review.make_corrections import CorrectionMaker, CorrectionTask
from backend.bootstrap.container import Container
from backend.bootstrap.imports.batch_status import imported_names
from backend.domain.errors import InvalidInput


def make_corrections(project_id: int, into: int, count: int, *, seed: int) -> list[CorrectionTask]:
    """See CorrectionMaker.make. Raises InvalidInput without a Label Studio, or if both projects are the same."""
    container = Container.from_environment()
    client = container.label_studio
    if client is None:
        raise InvalidInput("no Label Studio is named: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
    if project_id == into:
        raise InvalidInput("correction tasks need a project of their own, with a label config such as keyframe.xml")
    try:
        maker = CorrectionMaker(
            container.ledger,
            container.masks,
            CorrectionTasks(client.imports.session),
            client.label_config(into),
            partial(
                frame_address, signer=container.media_signer, base_url=container.public_url, now_s=WallClock().now_s
            ),
            build_regions,
            container.task_signer,
            Audits(container.key_values),
            container.task_address,
            imported_names(container, project_id),
        )
        return maker.make(project_id, into, count, seed=seed)
    finally:
        client.close()
