"""The releases of Label Studio that Masklet was tried with: `./scripts/compat VERSION`."""

from __future__ import annotations

TRIED = ("1.20.0", "1.21.0", "1.22.0", "1.23.2")


def untried(version: str) -> str:
    """A sentence about a release of which none with its first two numbers was tried; empty for the others."""
    if _series(version) in {_series(tried) for tried in TRIED}:
        return ""
    return f"Masklet was not tried with Label Studio {version}, but with {', '.join(TRIED)}"


def _series(version: str) -> tuple[str, ...]:
    return tuple(version.strip().split(".")[:2])
