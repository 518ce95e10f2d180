"""The usable cores, and the bound on waiting without sleep that OpenMP reads when torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from backend.adapters.sam2.runtime import cpu_threads

WORKER = "import backend.bootstrap.worker"

BOUND = f"""
import ctypes
from backend.adapters.sam2.runtime.cpu_threads import bound_spinning
bound_spinning()
ctypes.CDLL({str(next(Path(torch.__file__).parent.glob("lib/libgomp*")))!r})
"""
"""What a worker does before it imports torch, and torch's OpenMP by itself: its import takes seconds."""


def openmp_settings(code: str, **environment: str) -> str:
    """What torch's OpenMP says of its settings in a new process that runs this code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**kept, "OMP_DISPLAY_ENV": "VERBOSE", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stderr


def test_a_worker_bounds_its_waiting() -> None:
    assert f"GOMP_SPINCOUNT = '{cpu_threads.SPIN_COUNT}'" in openmp_settings(WORKER)


def test_the_environment_has_precedence() -> None:
    assert f"GOMP_SPINCOUNT = '{cpu_threads.SPIN_COUNT}'" in openmp_settings(BOUND)
    assert "GOMP_SPINCOUNT = '17'" in openmp_settings(BOUND, GOMP_SPINCOUNT="17")
    assert f"GOMP_SPINCOUNT = '{cpu_threads.SPIN_COUNT}'" not in openmp_settings(BOUND, OMP_WAIT_POLICY="ACTIVE")


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "9900000 100000"}, 8),
        ({"cpu.max": "unreadable"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_a_containers_limit_bounds_the_cores(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    monkeypatch.setattr(cpu_threads, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert cpu_threads.usable_cores() == cores
