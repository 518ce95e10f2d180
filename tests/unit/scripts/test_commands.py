"""The shell commands, without an installation."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
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
    [
        *("setup", "demo", "test", "bench", "engine_guard", "gpu_check", "fetch_training_pictures"),
        *("train_on_pictures", "containers"),
    ],
)
def test_commands_are_valid_shell(command: str) -> None:
    assert run("bash", "-n", f"scripts/{command}").returncode == 0


def lock_part(part: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "docker/select-lock", part, "requirements.lock")


@functools.cache
def names(part: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", lock_part(part).stdout, re.MULTILINE))


def test_parts_of_the_lock() -> None:
    first, web, cpu = names("first"), names("web"), names("cpu")
    assert (names("sam2"), names("torch")) == ({"sam2"}, {"torch", "torchvision"})
    assert {"torch", "triton", "av", "omegaconf", "hatchling", "timm"} <= first
    assert "timm" in cpu
    assert not {"timm", "transformers"} & web
    assert not {"sam2", "pytest", "playwright", "mypy", "scikit-image", "pgserver"} & first
    assert {"hydra-core", "omegaconf", "psycopg-binary", "hatchling"} <= web < first
    assert not {"torch", "torchvision", "triton", "sympy"} & web
    assert "av" in web, "it cuts pages from videos"
    assert first - cpu == {"torch", "torchvision", "triton"} | {n for n in first if n.startswith(("nvidia-", "cuda-"))}
    assert re.fullmatch(r"(torch(vision)?==\S+\n){2}", lock_part("torch").stdout)


def test_an_unknown_part_of_the_lock_is_named() -> None:
    done = lock_part("wbe")
    assert (done.returncode, done.stderr) == (
        1, "select-lock: unknown part wbe; the parts are web, first, sam2, torch, cpu\n",
    )  # fmt: skip
