"""Answers the requests of a channel in a worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from backend.application.ports.requests.channel import AskedRequest, RequestChannel
from backend.domain.errors import MaskletError, reason_of

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Answer = TypeVar("Answer")


def answer_next(
    channel: RequestChannel[Request, Answer], work: Callable[[AskedRequest[Request]], Answer], timeout_s: float
) -> bool:
    """Answers the next request, or refuses it with the error of its work.

    Waits at most timeout_s for a request; False if none came. Never raises.
    """
    asked = channel.next_request(timeout_s)
    if asked is None:
        return False
    try:
        channel.answer(asked, work(asked))
    except MaskletError as error:
        channel.refuse(asked, reason_of(error))
    except Exception as error:  # no request may end the loop; the log has the error
        logger.exception("a %s failed", type(asked.request).__name__)
        channel.refuse(asked, reason_of(error))
    return True
