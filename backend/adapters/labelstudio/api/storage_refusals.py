"""What is in the way of a file in cloud storage, by who refused it: Label Studio's resolver, or the storage."""

from __future__ import annotations

LONGEST = 200
CONNECT = "connect it in the project's Settings, Cloud Storage, Add Source Storage"


def shown(stored: str) -> str:
    """A storage's address for a message."""
    return stored[:LONGEST]


def storage_refusal(stored: str, host: str, status: int, *, is_resolver: bool) -> str:
    """A sentence with the remedy; empty for a file that is not in cloud storage, and for other refusals.

    stored: the file's address (s3://bucket/key). is_resolver: whether Label Studio answered, not the storage.
    """
    if not stored:
        return ""
    if is_resolver and status == 404:
        bucket = "/".join(stored.split("/", 3)[:3])
        return (
            f"Label Studio has no storage of the task's project for {shown(stored)}: {bucket} is to be there; {CONNECT}"
        )
    if is_resolver and status == 424:
        return (
            f"Label Studio cannot read {shown(stored)} from its storage: the file is not there, or the storage's keys "
            "may not read it"
        )
    if not is_resolver and status == 404:
        return (
            f"the storage at {host} has no {shown(stored)} (404): the file was removed or renamed, or the task is wrong"
        )
    if not is_resolver and status in (400, 401, 403):
        return (
            f"the storage at {host} refused {shown(stored)} ({status}): the keys in the settings of the project's "
            "storage may not read it, or its clock or region differs from Label Studio's"
        )
    return ""
