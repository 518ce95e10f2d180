"""The environment variables of the demo's Label Studio."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from scripts.label_studio.environment import SETTINGS_FOLDER, label_studio_environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "of another one")
    monkeypatch.setenv("LANG", "C.UTF-8")
    return label_studio_environment(
        folder=Path("/d"), files=Path("/d/files"), url="http://127.0.0.1:1", username="u", password="p", token="t"
    )


@pytest.mark.parametrize(
    ("address", "is_banned"),
    [("127.0.0.1", False), ("169.254.169.254", True), ("10.1.2.3", True), ("192.168.0.9", True), ("fe80::1", True)],
)
def test_only_loopback_is_allowed(environment: dict[str, str], address: str, is_banned: bool) -> None:
    subnets = environment["USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    assert any(ipaddress.ip_address(address) in ipaddress.ip_network(subnet) for subnet in subnets) is is_banned


def test_the_callers_variables_are_removed(environment: dict[str, str]) -> None:
    assert environment["PYTHONPATH"] == str(SETTINGS_FOLDER)
    assert (SETTINGS_FOLDER / f"{environment['DJANGO_SETTINGS_MODULE']}.py").is_file()
    assert "LABEL_STUDIO_API_KEY" not in environment
    assert environment["LANG"] == "C.UTF-8"


def test_telemetry_is_disabled(environment: dict[str, str]) -> None:
    assert [environment[name] for name in ("COLLECT_ANALYTICS", "LATEST_VERSION_CHECK", "SENTRY_DSN")] == [
        "false",
        "false",
        "",
    ]
