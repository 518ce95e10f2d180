"""Propagation beside other work: the threads of Masklet's workers against torch's own defaults.

Each propagation is a process of its own: `python -m ... busy_cores THREADS FRAMES`. torch's defaults are a thread for
each core, each of which waits up to 300,000 rounds without sleep.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.adapters.sam2.runtime.cpu_threads import usable_cores
from backend.adapters.sam2.runtime.device import choose_device
from backend.bootstrap.engine import model_threads
from scripts.benchmarks.engine_figures.models import demo_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours

TORCH_SPIN_COUNT = "300000"

ENDLESS = "while True: pass"


def measure(setup: Setup) -> Figures:
    """Frames a second of each side; a ratio above 1 means that ours is faster."""
    duration_s = setup.of(20, 1)
    frames = setup.of(20, 2)
    workers = (model_threads(0, shares_cores=True), None)
    defaults = (usable_cores(), TORCH_SPIN_COUNT)
    for label, engines, busy in (("alone", 1, 0), ("two_workers", 2, 0), ("one_busy_core", 1, 1)):
        with busy_processes(busy):
            ours = frames_a_second(*workers, engines=engines, duration_s=duration_s, frames=frames)
            theirs = frames_a_second(*defaults, engines=engines, duration_s=duration_s, frames=frames)
        yield f"busy_cores.{label}", ours / theirs
        yield f"busy_cores.{label}_fps", ours
        yield f"busy_cores.{label}_torch_fps", theirs


def frames_a_second(threads: int, spin_count: str | None, *, engines: int, duration_s: float, frames: int) -> float:
    """Frames of all engines together a second. spin_count: None: the engine's own bound.

    The run begins when all engines are loaded and ends with the video in which the duration passes.
    """
    environment = dict(os.environ)
    if spin_count is not None:
        environment["GOMP_SPINCOUNT"] = spin_count
    command = [sys.executable, "-P", "-m", __name__, str(threads), str(frames), str(duration_s)]
    children = [
        # A session of its own, as the supervisor starts a worker: the scheduler divides the cores between sessions.
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        for _ in range(engines)
    ]
    try:
        for child in children:
            _answer(child)
        for child in children:
            _input(child)
        return sum(float(_answer(child)) for child in children)
    finally:
        for child in children:
            with child:
                child.kill()


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """As many processes that compute without end, each in a session of its own."""
    processes = [subprocess.Popen([sys.executable, "-c", ENDLESS], start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            with process:
                process.kill()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="busy_cores", description="Propagations for a duration; prints frames/s.")
    parser.add_argument("threads", type=int)
    parser.add_argument("frames", type=int)
    parser.add_argument("duration_s", type=float)
    given = parser.parse_args(arguments)
    pair = demo_pair(choose_device("cpu", threads=given.threads))
    prompts = boxes(1, frame=0)
    run_ours(pair.engine, PanningVideo(2, VIDEO_SIZE), prompts)
    print("ready", flush=True)
    sys.stdin.readline()
    video = PanningVideo(given.frames, VIDEO_SIZE)
    started, frames = time.perf_counter(), 0
    while time.perf_counter() - started < given.duration_s:
        run_ours(pair.another_engine(), video, prompts)
        frames += given.frames
    print(frames / (time.perf_counter() - started), flush=True)


def _answer(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"the propagation ended with code {child.wait()}")
    return line


def _input(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


if __name__ == "__main__":
    main()
