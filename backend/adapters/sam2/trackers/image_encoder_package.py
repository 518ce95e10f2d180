"""The packages of the trackers' image encoders: whether they are installed. Imports neither them nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from backend.domain.errors import ModelError


@dataclass(frozen=True, slots=True)
class EncoderPackage:
    """name: of the Python package. install: the command."""

    tracker: str
    name: str
    install: str


EDGETAM = EncoderPackage("EdgeTAM", "timm", "pip install timm")
SAM3 = EncoderPackage("SAM 3", "transformers", "pip install 'transformers>=5.10'")
PACKAGES: Mapping[str, EncoderPackage] = {"edgetam": EDGETAM, "sam3": SAM3}
"""By the name of the checkpoint."""


def require_package(package: EncoderPackage) -> None:
    """Raises ModelError with the command that installs a package, if it is missing. Does not import it."""
    if find_spec(package.name) is None:
        where = f"{package.tracker}'s image encoder is in the package {package.name}"
        raise ModelError(f"{where}, which is not installed: {package.install}")
