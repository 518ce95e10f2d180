"""The fault of one source of an import, as recorded and reported. It ends no batch."""

from __future__ import annotations

import logging

from backend.application.imports.model import Source
from backend.domain.errors import MaskletError, MediaError, reason_of

logger = logging.getLogger(__name__)


def fault_of(source: Source, error: Exception) -> str:
    """Why a source has no task. A library's own error counts as the source's fault; its traceback is logged."""
    if isinstance(error, MaskletError):
        return reason_of(error)
    logger.warning("%s cannot be imported", source.name, exc_info=error)
    return reason_of(MediaError(f"{source.name} cannot be imported ({type(error).__name__}: {error})"))
