"""The package of EdgeTAM's image encoder: whether it is installed. Imports neither it nor torch."""

from __future__ import annotations

from importlib.util import find_spec

from backend.domain.errors import ModelError

PACKAGE = "timm"
INSTALL = "pip install timm"


def require_package() -> None:
    """Raises ModelError with the command that installs timm, if it is missing. Does not import it."""
    if find_spec(PACKAGE) is None:
        raise ModelError(f"EdgeTAM's image encoder is in the package {PACKAGE}, which is not installed: {INSTALL}")
