"""The store that machines share: its address, its client, and the check that it does what Masklet needs of it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from backend.adapters.store.objects.objects import Objects
from backend.adapters.store.objects.s3 import S3Objects
from backend.codecs.file_cache import FileCache
from backend.domain.errors import InvalidInput, MaskletError, StoreRefused

CONNECT_S = 5.0

REQUEST_S = 20.0
"""The longest of one request; an object is sent in parts of 5 MiB."""

RETRY_S = 15.0
"""The longest until a request is tried again for the last time. All in all it ends before `MASKLET_HANG_TIMEOUT_S`."""

RETRIES = 4

FIRST = "first"

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9._-]{1,62})((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)/?")


@dataclass(frozen=True, slots=True)
class SharedStore:
    """An S3-compatible store. url: s3://bucket or s3://bucket/prefix."""

    url: str
    allows_http: bool
    """Whether its address may be http."""

    @classmethod
    def of(cls, url: str, *, allows_http: bool) -> SharedStore:
        """Raises InvalidInput for an address that is none."""
        if not _ADDRESS.fullmatch(url):
            raise InvalidInput("MASKLET_STORE_URL: must be s3://BUCKET/PREFIX, or file: for the data folder")
        return cls(url.rstrip("/"), allows_http)

    def objects(self, folder: str, cache: FileCache | None = None) -> S3Objects:
        """The objects below a folder; makes no request. Raises InvalidInput for an AWS_… variable that cannot be."""
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        try:
            store = S3Store.from_url(
                self.url,
                # One request an object, which every S3-compatible store has.
                config={"disable_bulk_delete": True},
                client_options={
                    "allow_http": self.allows_http,
                    "connect_timeout": timedelta(seconds=CONNECT_S),
                    "timeout": timedelta(seconds=REQUEST_S),
                },
                retry_config={
                    "max_retries": RETRIES,
                    "retry_timeout": timedelta(seconds=RETRY_S),
                    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=3), "base": 2},
                },
            )
        except (BaseError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise InvalidInput(f"MASKLET_STORE_URL: the store {self.url} cannot be used: {reason}") from None
        return S3Objects(store, self.url, folder, cache)

    def check(self) -> None:
        """Lists, writes, reads, copies and removes small objects, and tries whether conditional writes are kept.

        Raises StoreUnavailable or StoreRefused, with what to set.
        """
        check_objects(self.objects("check"), self.url)


def check_objects(objects: Objects, place: str) -> None:
    """See SharedStore.check."""
    folder = uuid4().hex
    try:
        _try_out(objects, place, folder)
    except MaskletError:
        with suppress(MaskletError):
            objects.remove(folder, first=FIRST)
        raise
    objects.remove(folder, first=FIRST)


def _try_out(objects: Objects, place: str, folder: str) -> None:
    first, second, third = (f"{folder}/{name}" for name in (FIRST, "second", "third"))
    objects.folders()
    objects.put(first, b"1")
    if objects.get(first) != b"1":
        raise StoreRefused(f"the store {place} does not give back what was written to it; use another store")
    uploads = objects.uploads()
    uploads.copy(first, second)
    uploads.shown()
    if objects.put_if_absent(second, b"2") or not objects.put_if_absent(third, b"3"):
        raise StoreRefused(
            f"the store {place} does not keep conditional writes (If-None-Match: *), by which a run is written once; "
            "use a store, or a release of it, that does"
        )
    if objects.names(folder) != (FIRST, "second", "third"):
        raise StoreRefused(f"the store {place} does not list what was written to it; use another store")
