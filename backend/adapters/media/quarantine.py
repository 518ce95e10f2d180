"""Files that killed a decoder: counted by content over all requests, then refused until a person lifts it.

A record is a JSON value of the key-value store, one per content hash. Deaths older than a day do not count.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import MediaError, StorageFull
from backend.domain.video import ContentHash

logger = logging.getLogger(__name__)

FOLDER = "quarantine"
MAX_TRIES = 3
FORGET_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A file that killed a decoder. deaths_s: when, in seconds of the wall clock."""

    content_hash: str
    name: str
    deaths_s: tuple[float, ...]

    @property
    def is_refused(self) -> bool:
        """Whether it is tried no more. A refusal does not expire."""
        return len(self.deaths_s) >= MAX_TRIES


@dataclass(frozen=True, slots=True)
class Quarantine:
    key_values: KeyValueStore
    now_s: Callable[[], float]

    def require_allowed(self, content_hash: ContentHash, name: str) -> None:
        """Raises MediaError for a file that has killed MAX_TRIES decoders. name: for the message."""
        suspect = self._read(content_hash)
        if suspect is not None and suspect.is_refused:
            raise MediaError(
                f"{name} killed the decoder {len(suspect.deaths_s)} times and is not opened any more; once it is "
                f"mended or trusted: masklet jobs retry --file {shlex.quote(suspect.name)}"
            )

    def count_death(self, content_hash: ContentHash, name: str) -> int:
        """A decoder died of this file; returns how often by now."""
        known = self._read(content_hash)
        now_s = self.now_s()
        recent = tuple(at_s for at_s in (known.deaths_s if known else ()) if abs(now_s - at_s) < FORGET_S)
        deaths_s = (*recent, now_s)
        body = json.dumps({"name": name, "deaths_s": deaths_s}).encode()
        try:
            self.key_values.write(_name_of(content_hash), body)
        except (OSError, StorageFull) as error:
            logger.warning("the death of a decoder of %s is not counted: %s", name, error)
        logger.error("the decoder died of %s (%s), time %d of %d", name, content_hash[:12], len(deaths_s), MAX_TRIES)
        return len(deaths_s)

    def suspects(self) -> tuple[Suspect, ...]:
        """All files that killed a decoder, the newest death first."""
        stored = self.key_values.values(FOLDER)
        found = (_suspect_of(ContentHash(name.rpartition("/")[2]), body) for name, body in stored)
        return tuple(one for one in found if one is not None)

    def lift(self, wanted: str) -> tuple[Suspect, ...]:
        """Forgets the deaths of the files with that name, or whose hash begins so; returns them. Empty: of all."""
        lifted = tuple(one for one in self.suspects() if one.name == wanted or one.content_hash.startswith(wanted))
        for suspect in lifted:
            self.key_values.remove(_name_of(suspect.content_hash))
        return lifted

    def _read(self, content_hash: ContentHash) -> Suspect | None:
        body = self.key_values.read(_name_of(content_hash))
        return None if body is None else _suspect_of(content_hash, body)


def _suspect_of(content_hash: ContentHash, body: bytes) -> Suspect | None:
    try:
        record = json.loads(body)
        return Suspect(content_hash, str(record["name"]), tuple(map(float, record["deaths_s"])))
    except (ValueError, KeyError, TypeError):
        return None


def _name_of(content_hash: str) -> str:
    """The record's name. A file that is not in the media cache has a name of its own, of any characters."""
    plain = content_hash.isascii() and content_hash.isalnum()
    return f"{FOLDER}/{content_hash if plain else sha256(content_hash.encode()).hexdigest()}"
