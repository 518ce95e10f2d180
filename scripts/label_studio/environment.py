"""The environment of the Label Studio process: accepts a backend on this machine, sends nothing to other hosts.

Owns every variable of Label Studio's start. Other variables keep Label Studio's default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

RESERVED_SUBNETS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""The private and reserved networks without loopback, the backend's network."""

SETTINGS_FOLDER = Path(__file__).parent / "settings"
SETTINGS = "sqlite_settings"
"""The module of Label Studio's settings in that folder. It says why it is there."""

PYTHON_VARIABLES = frozenset(
    {
        *("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "DJANGO_SETTINGS_MODULE"),
        # Without bytecode each start compiles 3,000 modules, which takes eleven seconds of processor time.
        "PYTHONDONTWRITEBYTECODE",
    }
)
"""Variables that are not passed on to Label Studio's Python."""


def label_studio_environment(
    *, folder: Path, files: Path, url: str, username: str, password: str, token: str
) -> dict[str, str]:
    """All variables of the Label Studio process: the caller's, without those of its Python, and ours.

    folder: Label Studio's database and uploads. files: the root of the served media.
    """
    return {
        **_without_python(os.environ),
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_HOST": url,
        "LABEL_STUDIO_USERNAME": username,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(files),
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "PYTHONPATH": str(SETTINGS_FOLDER),
        **accept_loopback(),
        **disable_telemetry(),
    }


def accept_loopback() -> dict[str, str]:
    """Allows backends and webhooks on loopback, which two settings of Label Studio refuse by default.

    All other private networks stay banned.
    """
    return {
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "true",
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "USER_ADDITIONAL_BANNED_SUBNETS": ",".join(RESERVED_SUBNETS),
    }


def disable_telemetry() -> dict[str, str]:
    """Disables usage statistics, error reports and the version check."""
    return {
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def _without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without variables of this Python, Label Studio or Masklet; Label Studio has its own Python."""
    return {
        name: value
        for name, value in environment.items()
        if name not in PYTHON_VARIABLES and not name.startswith(("LABEL_STUDIO_", "MASKLET_"))
    }
