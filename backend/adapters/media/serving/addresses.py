"""Signed addresses of media that Masklet serves. An address gives access to one medium.

A browser on Label Studio's page cannot log in to Masklet: the address itself holds the permission, an HMAC over the
medium's id and the expiry time. The key is created once, in the data folder or the ledger; without it all earlier
addresses are void.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from backend.domain.errors import InvalidInput, NotAllowed
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex

PREFIX = "/media/"
SIGNATURE_DIGITS = 32
NEVER = 0
DEFAULT_LIFE_S = 365 * 24 * 3600
"""How long an address lasts where no command says otherwise; `masklet renew` gives it a later end."""

PAGE_DIGITS = 6
OBJECT_LEAF = "object.svg"
VIDEO_LEAF = "video.mp4"
"""Of a video's file; any leaf but a page's would do."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The target of an address. leaf: `000012.jpg` for a page, `video.mp4` for the file."""

    media_id: str
    leaf: str

    @property
    def page(self) -> int | None:
        """The frame index of a page; None for the file."""
        stem = self.leaf.partition(".")[0]
        return int(stem) if stem.isascii() and stem.isdecimal() and len(stem) <= 9 else None


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs and verifies addresses."""

    key: bytes = field(repr=False)

    def path(self, media_id: str, leaf: str, *, until_s: int) -> str:
        """The path of an address, without scheme and host. until_s: seconds since the epoch; NEVER: no end."""
        return f"{PREFIX}{media_id}/{until_s:x}-{self._signature(media_id, until_s)}/{leaf}"

    def read(self, path: str, now_s: float) -> Grant:
        """The target of a signed path. Raises NotAllowed for an invalid or expired signature."""
        media_id, _, rest = path.removeprefix(PREFIX).partition("/")
        permission, _, leaf = rest.partition("/")
        until, _, signature = permission.partition("-")
        if not path.startswith(PREFIX) or not _is_hex(until) or not leaf or "/" in leaf:
            raise NotAllowed("this is not an address of media that Masklet serves")
        until_s = int(until, 16)
        if not hmac.compare_digest(signature.encode(), self._signature(media_id, until_s).encode()):
            raise NotAllowed("this address was not signed by this Masklet, or its media.key was replaced; import again")
        if until_s != NEVER and now_s > until_s:
            raise NotAllowed("this address has expired; renew it with `masklet renew PROJECT`")
        return Grant(media_id, leaf)

    def renewed(self, address: str, *, until_s: int) -> str | None:
        """An address of this signer with another end, also if it has ended; None for any other text."""
        host, found, rest = address.partition(PREFIX)
        try:
            grant = self.read(PREFIX + rest, 0.0) if found else None
        except NotAllowed:
            return None
        return None if grant is None else host + self.path(grant.media_id, grant.leaf, until_s=until_s)

    def _signature(self, media_id: str, until_s: int) -> str:
        message = f"{media_id}\0{until_s:x}".encode()
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:SIGNATURE_DIGITS]


def page_leaf(frame: int) -> str:
    return f"{frame:0{PAGE_DIGITS}d}.jpg"


def object_address(name: str, *, signer: Signer, base_url: str, now_s: Callable[[], float]) -> str:
    """The address of the picture of an object on one frame, which alone it gives access to.

    name: of the object and frame, without slashes.
    """
    until_s = int(now_s()) + DEFAULT_LIFE_S
    return base_url.rstrip("/") + signer.path(name, OBJECT_LEAF, until_s=until_s)


def frame_address(
    media: MediaRef, frame_index: FrameIndex, *, signer: Signer, base_url: str, now_s: Callable[[], float]
) -> str:
    """The address of one frame: the task's page, or a page of a video that Masklet serves.

    Raises InvalidInput for a video that Masklet does not serve: its frames have no addresses.
    """
    if media.is_pages:
        return media.addresses[frame_index]
    path = urlsplit(media.addresses[0]).path
    if PREFIX not in path:
        raise InvalidInput(
            "Masklet does not serve this video, so its frames have no addresses; import it with `masklet import`"
        )
    media_id = signer.read(path[path.index(PREFIX) :], 0.0).media_id
    until_s = int(now_s()) + DEFAULT_LIFE_S
    return base_url.rstrip("/") + signer.path(media_id, page_leaf(frame_index), until_s=until_s)


def open_signer(key_file: Path) -> Signer:
    """The signer of a data folder. Creates the key if there is none; of several processes, one creates it."""
    with suppress(FileNotFoundError):
        return Signer(bytes.fromhex(key_file.read_text(encoding="ascii").strip()))
    draft = key_file.with_name(f"{key_file.name}.{secrets.token_hex(4)}.tmp")
    draft.touch(mode=0o600)
    draft.write_text(new_key(), encoding="ascii")
    with suppress(FileExistsError):
        os.link(draft, key_file)
    draft.unlink()
    return Signer(bytes.fromhex(key_file.read_text(encoding="ascii").strip()))


def new_key() -> str:
    """A key of a signer, in hex."""
    return secrets.token_hex(32)


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 12 and all(c in "0123456789abcdef" for c in text)
