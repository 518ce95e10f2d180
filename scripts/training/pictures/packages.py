"""The packages that hold training pictures, with their licences. Owns the list; the fetch is in `fetch.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Registry(StrEnum):
    """The client that fetches a package."""

    APT = "apt-get"
    NPM = "npm"
    INSTALLED = "python"


class Kind(StrEnum):
    """The content of a picture. The scene generator draws each kind with its own share."""

    PHOTO_CUTOUT = "photo-cutout"
    RENDERED_CUTOUT = "rendered-cutout"
    DRAWN_CUTOUT = "drawn-cutout"
    SEGMENT = "segment"
    PHOTOGRAPH = "photograph"
    SURFACE = "surface"


@dataclass(frozen=True, slots=True)
class Package:
    """One package. skipped: parts of paths that hold nothing of use. archives: the ending of zip files inside."""

    name: str
    registry: Registry
    kind: Kind
    licence: str
    skipped: tuple[str, ...] = ()
    archives: str | None = None
    largest_count: int = 100_000

    @property
    def folder_name(self) -> str:
        """The package's folder in the cache."""
        return self.name.strip("@").replace("/", "-")


PACKAGES: tuple[Package, ...] = (
    Package(
        "tuxpaint-stamps-default",
        Registry.APT,
        Kind.PHOTO_CUTOUT,
        "GPL-2",
        skipped=("/symbols/", "/flags/", "/roadsigns/"),
    ),
    Package("@lobehub/fluent-emoji-3d", Registry.NPM, Kind.RENDERED_CUTOUT, "MIT"),
    Package(
        "openclipart-png",
        Registry.APT,
        Kind.DRAWN_CUTOUT,
        "CC0-1.0",
        skipped=("/flags/", "/signs_and_symbols/", "/special/", "/geography/", "/education/"),
        largest_count=1500,
    ),
    Package("plasma-workspace-wallpapers", Registry.APT, Kind.PHOTOGRAPH, "GPL-2+", skipped=("screenshot",)),
    Package("mate-backgrounds", Registry.APT, Kind.PHOTOGRAPH, "GPL-2+, CC-BY-SA-4.0"),
    Package("ukui-wallpapers", Registry.APT, Kind.PHOTOGRAPH, "CC-BY-SA-3.0"),
    Package("gnome-backgrounds", Registry.APT, Kind.PHOTOGRAPH, "CC-BY-SA-3.0"),
    Package("lomiri-wallpapers-20.04", Registry.APT, Kind.PHOTOGRAPH, "CC-BY-SA-4.0, CC-BY-4.0, CC0-1.0"),
    Package(
        "openarena-081-textures",
        Registry.APT,
        Kind.SURFACE,
        "GPL-2+",
        skipped=("/flares/", "/sfx", "/symbols/", "/env/", "/liquids/"),
        archives=".pk3",
    ),
    Package("scikit-image", Registry.INSTALLED, Kind.PHOTOGRAPH, "BSD-3-Clause; each photograph as its README says"),
)
