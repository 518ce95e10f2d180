"""Resume: a propagation killed again and again at random moments, against one that was let run."""

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
MOST_FRAMES_A_LIFE = 7
SEED = 4


def measure(setup: Setup) -> Figures:
    """`identical` is 1 if the files of both runs, masks and evidence, are the same byte for byte.

    Every life is a process of its own and ends by SIGKILL, at a random moment within a random frame.
    """
    wanted = setup.of(20, 2)
    frames = MOST_FRAMES_A_LIFE * wanted + 20
    with tempfile.TemporaryDirectory() as name:
        calm, killed = Path(name) / "calm", Path(name) / "killed"
        for folder in (calm, killed):
            folder.mkdir()
        let_run(calm, frames)
        kills = kill_again_and_again(killed, frames, wanted)
        let_run(killed, frames)
        expected = masks_path(calm).read_bytes()
        same = masks_path(killed).read_bytes() == expected
    yield "resume.kills", float(kills)
    yield "resume.identical", float(same)
    yield "resume.masks", float(expected.count(b"\n"))


def kill_again_and_again(folder: Path, frames: int, wanted: int) -> int:
    """Start it and kill it so many times; returns how often it was killed before it had come to its end."""
    dice = random.Random(SEED)
    kills = 0
    for _ in range(wanted):
        with start(folder, frames) as life:
            assert life.stdout is not None
            for _ in range(dice.randint(1, MOST_FRAMES_A_LIFE)):
                life.stdout.readline()
            time.sleep(dice.uniform(0, 0.05))
            kills += life.poll() is None
            life.kill()
    return kills


def let_run(folder: Path, frames: int) -> None:
    """Raises RuntimeError with what it said last if it fails."""
    with start(folder, frames) as life:
        _, said = life.communicate()
        if life.returncode:
            raise RuntimeError(f"the propagation ended with {life.returncode}: {said[-500:]}")


def start(folder: Path, frames: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-W", "ignore", "-m", MODULE, str(folder), str(frames), str(SNAPSHOT_EVERY)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
