"""The signature (HMAC) that Masklet made a correction task. Without it, any task could claim to correct another one.

Any user who may create tasks writes task data, in every project that Masklet serves. The signature binds the corrected
frame to the project of the correction task; it is invalid in another project.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

_PURPOSE = b"correction tasks"
DIGITS = 32


@dataclass(frozen=True, slots=True)
class TaskSigner:
    """Signs and verifies correction tasks. key: a secret of the data folder."""

    key: bytes = field(repr=False)

    @classmethod
    def derived_from(cls, key: bytes) -> TaskSigner:
        """A signer with a key derived from a key of another purpose."""
        return cls(hmac.new(key, _PURPOSE, hashlib.sha256).digest())

    def sign(self, project_id: int, key: str) -> str:
        """The signature, DIGITS hex digits. project_id: of the correction task. key: Corrected.key."""
        message = f"{project_id}\0{key}".encode()
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:DIGITS]

    def verify(self, signature: object, project_id: int, key: str) -> bool:
        """Whether the signature is valid for this project and key."""
        return isinstance(signature, str) and hmac.compare_digest(
            signature.encode(), self.sign(project_id, key).encode()
        )
