"""The objects that stored masks consist of, as protocols. Adapters: files.py, s3.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class Change(NamedTuple):
    """changed_s: of the last write to the folder, seconds of the wall clock. is_marked: it has the asked-for object."""

    folder: str
    changed_s: float
    is_marked: bool


class Uploads(Protocol):
    """The writes of one writer, which need not be done before the next one begins.

    Every method raises StoreUnavailable or StorageFull, also for an earlier write.
    """

    def put(self, key: str, body: bytes) -> None:
        """Begins to write an object that no other writer writes."""
        ...

    def copy(self, source: str, key: str) -> None:
        """Begins to copy an object. Raises IntegrityError, at once or later, if the source is gone."""
        ...

    def shown(self) -> None:
        """Waits until readers see everything that was begun."""
        ...

    def settled(self) -> None:
        """Waits until everything that was begun survives a power cut."""
        ...

    def close(self) -> None:
        """Waits for the end of what was begun, whatever it is. Raises nothing."""
        ...


class Objects(Protocol):
    """Objects by key, `folder/name`; each is written as a whole or not at all.

    Methods raise StoreUnavailable if the store does not answer or refuses, StorageFull if it has no space left.
    """

    @property
    def is_shared(self) -> bool:
        """Whether several machines write here: then the keys of a writer carry its name."""
        ...

    def open(self, folder: str) -> None:
        """Prepares a folder that does not exist for writes."""
        ...

    def get(self, key: str) -> bytes | None:
        """The object as it is now; None if there is none."""
        ...

    def read(self, keys: Sequence[str]) -> Iterator[bytes | None]:
        """Objects that are written once, in this order, one after the other; None for one that is not there."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Replaces an object; it survives a power cut on return."""
        ...

    def put_if_absent(self, key: str, body: bytes, *, synced: bool = True) -> bool:
        """Whether the object is this one now; False if there is another one.

        synced False: a power cut may take it.
        """
        ...

    def uploads(self) -> Uploads: ...

    def names(self, folder: str) -> tuple[str, ...]:
        """The names of the objects of a folder, sorted; empty without the folder."""
        ...

    def folders(self) -> tuple[str, ...]:
        """The names of the folders, sorted."""
        ...

    def changes(self, mark: str) -> Iterator[Change]:
        """All folders. mark: the name of the object whose presence `is_marked` tells."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Removes objects; those that are not there are passed over."""
        ...

    def remove(self, folder: str, *, first: str) -> None:
        """Removes a folder, the object of the name `first` before the others."""
        ...
