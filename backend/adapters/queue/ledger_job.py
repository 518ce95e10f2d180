"""The only kind of RQ job that Masklet's workers run.

RQ calls any dotted path in a job's hash, also with the JSON serializer: a client with write access to the server could
run any importable function, before, instead of or after ours. So a job may name one function, with a job id and an
attempt, and nothing else that RQ acts on: no callbacks, webhooks, dependencies, repeats.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

from rq.job import Job as RqJob
from rq.utils import import_attribute

from backend.adapters.queue.names import RUN_JOB
from backend.domain.errors import NotAllowed

_JOB_ID = re.compile(r"[ipst]-[0-9a-f]{40}")
_EXTRAS = (
    "success_callback_name",
    "failure_callback_name",
    "stopped_callback_name",
    "webhooks",
    "dependency_id",
    "dependency_ids",
    "group_id",
    "repeats_left",
    "retries_left",
)


MAX_CALL_BYTES = 4096
"""A call is a function's name, a job id and a number: some 150 bytes."""

MAX_ERROR_BYTES = 2**20


class LedgerJob(RqJob):
    """An RQ job with a ledger job's id and an attempt; refuses every other call."""

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Restores the fields of the stored hash.

        Raises NotAllowed for fields that RQ acts on besides the call: Masklet never writes them.
        """
        self._require_small(raw_data)
        extras = [name for name in _EXTRAS if raw_data.get(name.encode()) not in (None, b"", b"[]")]
        if extras:
            raise NotAllowed(f"queue entry {self.id} carries {', '.join(extras)}; Masklet did not write it")
        super().restore(raw_data)

    def _require_small(self, raw_data: dict[bytes, bytes]) -> None:
        """Raises NotAllowed for a call that expands beyond MAX_CALL_BYTES; drops such an error text."""
        if _expands_beyond(raw_data.get(b"data", b""), MAX_CALL_BYTES):
            raise NotAllowed(f"queue entry {self.id} is larger than {MAX_CALL_BYTES} bytes; Masklet did not write it")
        if _expands_beyond(raw_data.get(b"exc_info", b""), MAX_ERROR_BYTES):
            del raw_data[b"exc_info"]

    @property
    def func(self) -> Callable[[str, int], None]:
        """The function to call. Raises NotAllowed for any other than RUN_JOB."""
        self.require_allowed()
        function: Callable[[str, int], None] = import_attribute(RUN_JOB)
        return function

    def require_allowed(self) -> None:
        """Raises NotAllowed unless this is a call of RUN_JOB with a ledger job's id and an attempt."""
        if self.func_name != RUN_JOB or self.instance is not None:
            raise NotAllowed(f"queue entry {self.id} calls {str(self.func_name)[:100]!r}; only {RUN_JOB} may be called")
        if self.kwargs or not _are_valid_args(self.args):
            raise NotAllowed(f"queue entry {self.id} does not carry a job id and an attempt")


def _expands_beyond(compressed: bytes, limit: int) -> bool:
    """Whether bytes that RQ decompresses, if they are compressed, are more than limit: a kilobyte may become a
    megabyte."""
    try:
        expanded = zlib.decompressobj().decompress(compressed, limit + 1)
    except zlib.error:
        expanded = compressed
    return len(expanded) > limit


def _are_valid_args(args: Any) -> bool:  # noqa: ANN401 - any JSON on the server
    if not isinstance(args, list | tuple) or len(args) != 2:
        return False
    job_id, attempt = args
    fits = isinstance(job_id, str) and _JOB_ID.fullmatch(job_id) is not None
    return fits and type(attempt) is int and attempt > 0
