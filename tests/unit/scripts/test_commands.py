"""The shell commands, without an installation."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)


def test_setup_names_an_unknown_option() -> None:
    done = run("scripts/setup", "--lable-studio")
    assert (done.returncode, done.stderr) == (
        1,
        "setup: unknown option --lable-studio; the options are --cpu, --label-studio, --browser and --page-types\n",
    )


def test_bench_lists_its_names() -> None:
    done = run("scripts/bench", "no-such-one")
    assert done.returncode == 2
    assert "the names are: " in done.stderr
    assert "rle" in done.stderr.split()


@pytest.mark.parametrize(
    "command",
    ["setup", "demo", "test", "bench", "engine_guard", "gpu_check", "fetch_training_pictures", "train_on_pictures"],
)
def test_commands_are_valid_shell(command: str) -> None:
    assert run("bash", "-n", f"scripts/{command}").returncode == 0


def names(part: str) -> set[str]:
    done = run("sh", "docker/select-lock", part, "requirements.lock")
    return set(re.findall(r"^([a-z0-9-]+)==", done.stdout, re.MULTILINE))


def test_parts_of_the_lock() -> None:
    whole = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names("sam2") == {"sam2"}
    assert names("first") == whole - {"sam2"}
    left_out = whole - names("web")
    assert {"torch", "torchvision", "sam2", "av"} <= left_out
    assert {name for name in left_out if not name.startswith(("nvidia-", "cuda-"))} == {
        *("av", "sam2", "torch", "torchvision", "triton"),
    }
