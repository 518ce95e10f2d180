"""Opens the store of masks that the settings name. The client of a shared store is imported if there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from backend.adapters.store.masks.store import FileMaskStore, ObjectMaskStore
from backend.codecs.file_cache import FileCache
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.adapters.store.objects.shared import SharedStore

SECRET_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
CLIENT_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_REGION", *SECRET_VARIABLES)
"""The variables by which a shared store is reached. Its client reads them, and others that its documentation has."""


def open_shared_store(settings: Settings) -> SharedStore | None:
    """None: masks and exports lie in the data folder. Raises InvalidInput."""
    if settings.store_url in ("", "file:"):
        return None
    from backend.adapters.store.objects.shared import SharedStore

    for name in CLIENT_VARIABLES:
        if not os.environ.get(name, "-"):
            del os.environ[name]  # compose passes empty ones on, and the client takes them for addresses and keys
    return SharedStore.of(settings.store_url, allows_http=_is_true(os.environ.get("AWS_ALLOW_HTTP", "")))


def open_mask_cache(settings: Settings, folder: Path, shared: SharedStore | None) -> FileCache | None:
    """folder: the data folder. None for masks in the data folder, or if MASKLET_STORE_CACHE_MIB is 0."""
    cache_bytes = settings.store_cache_mib * 2**20
    return None if shared is None or not cache_bytes else FileCache(folder / "mask-cache", cache_bytes)


def open_masks(folder: Path, shared: SharedStore | None, cache: FileCache | None) -> ObjectMaskStore:
    """folder: the data folder. Asks a shared store nothing. Raises InvalidInput."""
    return FileMaskStore(folder / "masks") if shared is None else ObjectMaskStore(shared.objects("masks", cache))


def store_secrets() -> tuple[str, ...]:
    """What no line of a log may have."""
    return tuple(os.environ.get(name, "") for name in SECRET_VARIABLES)


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on")
