"""The locks alone determine the installed versions."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-label-studio.lock")


def test_pyproject_has_no_uv_settings() -> None:
    # Overrides in pyproject.toml replace a lock's version by the newest release, whose hash is not in the lock.
    assert "uv" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


@pytest.mark.parametrize("lock", LOCKS)
def test_each_lock_names_its_overrides_and_hashes(lock: str) -> None:
    command = next(line for line in (ROOT / lock).read_text().splitlines() if "uv pip compile" in line).split()
    overrides = ROOT / command[command.index("--override") + 1]
    packages = {line.split(">=")[0] for line in overrides.read_text().splitlines() if ">=" in line}
    pinned = {line.split("==")[0] for line in (ROOT / lock).read_text().splitlines() if "==" in line[:40]}
    assert "--generate-hashes" in command
    assert packages & pinned
