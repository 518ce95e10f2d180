"""The releases of Label Studio that Masklet was tried with: `./scripts/compat VERSION`."""

from __future__ import annotations

from collections.abc import Iterable

TRIED = ("1.20.0", "1.21.0", "1.22.0", "1.23.2")
"""Through their API: clicks, propagations, the player's server, submitted annotations, cloud storage, exports."""

WITH_PAGE = ("1.23.2",)
"""Also in their page. Those of the older releases did not open in the tests' Chromium 156."""


def untried(version: str) -> str:
    """What was not tried with a release, by its first two numbers: a sentence; empty if all was."""
    if _is_among(version, WITH_PAGE):
        return ""
    if _is_among(version, TRIED):
        return f"Label Studio {version} was tried without its page; {', '.join(WITH_PAGE)} with it"
    return f"Masklet was not tried with Label Studio {version}, but with {', '.join(TRIED)}"


def _is_among(version: str, releases: Iterable[str]) -> bool:
    return version.strip().split(".")[:2] in [release.split(".")[:2] for release in releases]
