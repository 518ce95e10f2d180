"""The check of the store that machines share: at the start of a process, and for `masklet doctor`."""

from __future__ import annotations

import logging

from backend.bootstrap.container import Container
from backend.bootstrap.finding import Finding, Verdict
from backend.domain.errors import StoreRefused, StoreUnavailable

logger = logging.getLogger(__name__)


def require_store(container: Container) -> None:
    """Tries the shared store, if there is one. Raises InvalidInput or StoreRefused for what somebody has to mend.

    A store that does not answer is logged: requests and jobs wait for it, as they do in an outage later.
    """
    if container.shared_store is None:
        return
    try:
        container.shared_store.check()
    except StoreRefused:
        raise
    except StoreUnavailable as error:
        logger.warning("%s", error)


def store_finding(container: Container) -> Finding:
    """Raises StoreUnavailable or StoreRefused with the way out."""
    if container.shared_store is None:
        return Finding("store", Verdict.OK, f"masks and exports lie in {container.folder.root}")
    container.shared_store.check()
    return Finding(
        "store", Verdict.OK, f"{container.shared_store.url}: listed, written, read; conditional writes are kept"
    )
