"""Renewal of signed media addresses in the tasks of a project: they end, and tasks outlive them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.application.ports.progress import counted

Renew = Callable[[str], str | None]
"""An address with a later end; None for an address that is not Masklet's own."""


class StoredTasks(Protocol):
    """The data of a project's tasks. Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def all(self, project_id: int) -> Mapping[int, Mapping[str, object]]: ...

    def replace_data(self, task_id: int, data: Mapping[str, object]) -> None: ...


@dataclass(frozen=True, slots=True)
class Renewed:
    """tasks: how many were changed. addresses: how many addresses in them."""

    tasks: int
    addresses: int


def renew_addresses(tasks: StoredTasks, project_id: int, renew: Renew) -> Renewed:
    """Gives every address of Masklet's own, wherever it stands in the tasks' data, a later end."""
    changed = addresses = 0
    for task_id, data in counted(sorted(tasks.all(project_id).items()), "tasks"):
        new, count = _renewed(data, renew)
        if count and isinstance(new, dict):
            tasks.replace_data(task_id, new)
            changed, addresses = changed + 1, addresses + count
    return Renewed(changed, addresses)


def _renewed(value: object, renew: Renew) -> tuple[object, int]:
    """The value with renewed addresses, and how many there are."""
    if isinstance(value, str):
        address = renew(value)
        return (value, 0) if address is None or address == value else (address, 1)
    if isinstance(value, Mapping):
        pairs = {name: _renewed(entry, renew) for name, entry in value.items()}
        return {name: entry for name, (entry, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        entries = [_renewed(entry, renew) for entry in value]
        return [entry for entry, _ in entries], sum(count for _, count in entries)
    return value, 0
