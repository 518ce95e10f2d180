"""`scripts/setup --cpu`, with a uv that records what it is called with and installs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = """#!/usr/bin/env bash
case "$1" in
    --version) exit 0 ;;
    venv)
        mkdir -p .venv/bin
        : >.venv/bin/masklet
        printf '#!/bin/sh\necho "${PYTHONDONTWRITEBYTECODE-unset} $*" >>imports\n' >.venv/bin/python
        chmod +x .venv/bin/* ;;
    *)
        echo "$*" >>calls
        if [[ "$*" == *"+cpu"* ]]; then exit "${UV_CPU_RESULT:-0}"; fi
        cat "${@: -1}" >>installed 2>/dev/null || true ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the set-up and its lock, and a uv before all others."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    stub = tmp_path / "tools" / "uv"
    stub.parent.mkdir()
    stub.write_text(UV)
    stub.chmod(0o755)
    return tmp_path


def setup(checkout: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{checkout / 'tools'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["scripts/setup", *options],
        cwd=checkout,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_cpu_environment_has_no_cuda_library_and_stays_so(checkout: Path) -> None:
    assert setup(checkout, "--cpu").returncode == 0
    assert "--index https://download.pytorch.org/whl/cpu torch==" in (checkout / "calls").read_text()
    installed = {
        line.partition("==")[0] for line in (checkout / "installed").read_text().splitlines() if line[:1].isalpha()
    }
    assert {"numpy", "sam2", "typer"} <= installed
    assert not {name for name in installed if name.startswith(("nvidia-", "cuda-", "torch", "triton"))}
    calls = (checkout / "calls").read_text()
    assert setup(checkout).returncode == 0
    assert (checkout / "calls").read_text() == calls


def test_an_index_without_cpu_builds_is_named(checkout: Path) -> None:
    done = setup(checkout, "--cpu", UV_CPU_RESULT="1", MASKLET_TORCH_CPU_INDEX="https://mirror.example/cpu")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("setup: https://mirror.example/cpu gave no torch ")
    assert "run scripts/setup without --cpu" in last
    assert setup(checkout).returncode == 0
    assert "nvidia-cublas==" in (checkout / "installed").read_text()


def test_an_environment_with_cuda_is_not_mixed(checkout: Path) -> None:
    assert setup(checkout).returncode == 0
    done = setup(checkout, "--cpu")
    assert (done.returncode, done.stderr) == (
        1, "setup: .venv has the CUDA libraries: remove it (rm -r .venv), then run scripts/setup --cpu\n",
    )  # fmt: skip


def test_bytecode_of_what_a_process_imports_is_written_also_where_python_writes_none(checkout: Path) -> None:
    assert setup(checkout, "--cpu", PYTHONDONTWRITEBYTECODE="1").returncode == 0
    imports = (checkout / "imports").read_text()
    assert imports.startswith("unset -P -c")
    assert "label_studio_sdk.client" in imports
    assert "walk_packages(backend.__path__" in imports
