"""Wiring of `masklet renew`."""

from __future__ import annotations

import time

from backend.adapters.labelstudio.api.task_creation import TaskImports
from backend.adapters.media.serving.addresses import NEVER
from backend.application.imports.renewal import Renewed, renew_addresses
from backend.bootstrap.container import Container

DAY_S = 24 * 3600


def renew_project(project_id: int, *, expire_days: int) -> Renewed:
    """Gives the signed addresses in a project's tasks a later end. expire_days: 0 for none.

    Raises InvalidInput without LABEL_STUDIO_URL, LabelStudioUnavailable, LabelStudioRefused or NotFound.
    """
    container = Container.from_environment()
    until_s = int(time.time()) + expire_days * DAY_S if expire_days else NEVER
    signer = container.media_signer
    session = container.label_studio_session()
    try:
        return renew_addresses(
            TaskImports(session), project_id, lambda address: signer.renewed(address, until_s=until_s)
        )
    finally:
        session.close()
