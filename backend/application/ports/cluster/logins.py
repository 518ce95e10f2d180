"""Logins by a token, for the web processes of one cluster: halves of secrets, each worthless without the other half."""

from __future__ import annotations

from typing import Protocol


class LoginStore(Protocol):
    """Bytes that all web processes read, for a time. May lose them: then a person signs in again."""

    def keep(self, name: str, body: bytes, *, for_s: int) -> None: ...

    def kept(self, name: str) -> bytes | None: ...


class NoLogins:
    """Keeps nothing."""

    def keep(self, name: str, body: bytes, *, for_s: int) -> None:
        pass

    def kept(self, name: str) -> bytes | None:
        return None
