"""Addresses of cloud storage in a task's data, and Label Studio's resolver, through which they are fetched.

Label Studio has the keys of a project's storages. Its resolver (/tasks/ID/resolve/?fileuri=BASE64) redirects to a
presigned address, or sends the file itself where the storage is connected without presigned URLs. Requests to a backend
have the storage's address, Label Studio's API has the resolver's with the host of its own settings: here each becomes
the resolver's path, so that a file has one address.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

STORAGE = re.compile(r"(?:s3|gs|azure-blob)://\S")
"""Addresses that Label Studio resolves: of Amazon S3 and its like, Google Cloud Storage, Azure Blob Storage."""

RESOLVER = re.compile(r"(?:https?://[^/?#\s]+)?(?:/[^?#\s]*)?/(tasks|projects)/(\d+)/resolve/?\?fileuri=([\w=%-]+)")


def is_storage(address: str) -> bool:
    return STORAGE.match(address) is not None


def media_address(address: str, task_id: int) -> str:
    """The address as it is fetched for a task: of a storage, the resolver's path; others as they are."""
    stored = as_stored(address, task_id)
    if not isinstance(stored, str) or not is_storage(stored):
        return address
    return f"/tasks/{task_id}/resolve/?fileuri={base64.urlsafe_b64encode(stored.encode('utf-8', 'replace')).decode()}"


def as_stored(value: object, task_id: int) -> object:
    """A value of a task's data as Label Studio stores it: its API puts the resolver's addresses in.

    Label Studio 1.21 and older cannot be asked for a stored task. Addresses of other tasks' resolvers stay: a person
    wrote them.
    """
    if isinstance(value, str):
        return storage_address(value) if resolving_task(value) == task_id else value
    if isinstance(value, Mapping):
        return {name: as_stored(each, task_id) for name, each in value.items()}
    if isinstance(value, list):
        return [as_stored(each, task_id) for each in value]
    return value


def resolving_task(address: str) -> int | None:
    """The task whose resolver's address this is; None for other addresses, and for projects' resolvers."""
    found = RESOLVER.fullmatch(address.strip())
    return int(found[2]) if found and found[1] == "tasks" and storage_address(address) else None


def storage_address(address: str) -> str:
    """The storage's address in one of the resolver's; empty for other addresses."""
    found = RESOLVER.fullmatch(address.strip())
    if found is None:
        return ""
    try:
        decoded = base64.b64decode(found[3].replace("%3D", "="), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded if is_storage(decoded) else ""
