"""The locks hold what they say: nothing outside of them may change what an installation takes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-label-studio.lock")


def test_uv_is_told_nothing_that_it_would_put_in_a_locks_place() -> None:
    # Overrides in pyproject.toml win over a lock's own version, and then no hash of the newest release is in it.
    assert "uv" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_made_again_with_the_same_overrides(lock: str) -> None:
    command = next(line for line in (ROOT / lock).read_text().splitlines() if "uv pip compile" in line).split()
    overrides = ROOT / command[command.index("--override") + 1]
    packages = {line.split(">=")[0] for line in overrides.read_text().splitlines() if ">=" in line}
    pinned = {line.split("==")[0] for line in (ROOT / lock).read_text().splitlines() if "==" in line[:40]}
    assert "--generate-hashes" in command
    assert packages & pinned
