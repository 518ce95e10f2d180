"""Resume: a propagation killed repeatedly at random times, compared with an undisturbed one."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.benchmarks.engine_figures.interrupted import masks_path
from scripts.benchmarks.engine_figures.setup import Figures, Setup

MODULE = "scripts.benchmarks.engine_figures.interrupted"
ROOT = Path(__file__).parents[3]
SNAPSHOT_EVERY = 3
MAX_FRAMES_PER_PROCESS = 7
SEED = 4


def measure(setup: Setup) -> Figures:
    """`identical` is 1 if the files of both runs (masks and evidence) are equal byte for byte.

    Each attempt is a process, killed by SIGKILL at a random time within a random frame.
    """
    wanted = setup.of(20, 2)
    frames = MAX_FRAMES_PER_PROCESS * wanted + 20
    with tempfile.TemporaryDirectory() as name:
        undisturbed, killed = Path(name) / "undisturbed", Path(name) / "killed"
        for folder in (undisturbed, killed):
            folder.mkdir()
        run_to_end(undisturbed, frames)
        kills = kill_repeatedly(killed, frames, wanted)
        run_to_end(killed, frames)
        expected = masks_path(undisturbed).read_bytes()
        same = masks_path(killed).read_bytes() == expected
    yield "resume.kills", float(kills)
    yield "resume.identical", float(same)
    yield "resume.masks", float(expected.count(b"\n"))


def kill_repeatedly(folder: Path, frames: int, wanted: int) -> int:
    """Starts and kills the propagation `wanted` times; returns the number of kills before its end."""
    rng = random.Random(SEED)
    kills = 0
    for _ in range(wanted):
        with start(folder, frames) as process:
            assert process.stdout is not None
            for _ in range(rng.randint(1, MAX_FRAMES_PER_PROCESS)):
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            kills += process.poll() is None
            process.kill()
    return kills


def run_to_end(folder: Path, frames: int) -> None:
    """Runs the propagation to its end. Raises RuntimeError with the end of its stderr if it fails."""
    with start(folder, frames) as process:
        _, stderr = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the propagation ended with {process.returncode}: {stderr[-500:]}")


def start(folder: Path, frames: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-W", "ignore", "-m", MODULE, str(folder), str(frames), str(SNAPSHOT_EVERY)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
