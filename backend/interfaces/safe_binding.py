"""The addresses that may be bound: without a password only those of the machine itself. Imports no web framework."""

from __future__ import annotations

import ipaddress

from backend.domain.errors import InvalidInput


def require_safe_binding(host: str, *, has_password: bool) -> None:
    """Raises InvalidInput if anyone on the network could reach a service that asks for no password."""
    if has_password or _is_loopback(host):
        return
    raise InvalidInput(
        f"listening on {host or 'all addresses'!r} without a password would let anyone on the network in: "
        "set MASKLET_BASIC_AUTH_USER and MASKLET_BASIC_AUTH_PASS, or listen on 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
