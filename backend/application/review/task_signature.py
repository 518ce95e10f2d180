"""A proof that Masklet made a correction task: without it, any task could claim to correct another one.

What a task's data says can be written by whoever may make tasks, in any project that Masklet serves. The proof binds
the frame that is corrected to the project that the task was made in; copied into another project it is void.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

_PURPOSE = b"correction tasks"
DIGITS = 32


@dataclass(frozen=True, slots=True)
class TaskSigner:
    """Makes and checks proofs. key: a secret of the data folder."""

    key: bytes = field(repr=False)

    @classmethod
    def derived_from(cls, key: bytes) -> TaskSigner:
        """A seal of its own from a key that has another purpose."""
        return cls(hmac.new(key, _PURPOSE, hashlib.sha256).digest())

    def sign(self, project_id: int, key: str) -> str:
        """Hex digits. project_id: where the correction task is; key: Corrected.key."""
        message = f"{project_id}\0{key}".encode()
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:DIGITS]

    def verify(self, proof: object, project_id: int, key: str) -> bool:
        """Whether this seal made that proof."""
        return isinstance(proof, str) and hmac.compare_digest(proof.encode(), self.sign(project_id, key).encode())
