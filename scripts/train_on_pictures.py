"""Trains the demo model on with pictures, from the shipped weights or from a saved state. Resumable.

``./scripts/fetch_training_pictures`` fetches the pictures. ``./scripts/train_on_pictures --minutes 60`` starts a run;
``--resume`` continues it until ``--minutes`` in total. SIGTERM saves the state and ends the run; SIGSTOP and SIGCONT
pause it. The figures of the averaged weights are logged at intervals: on held-out pictures, and with ``--judge FOLDER``
on real clips with masks (DAVIS layout). ``./scripts/bench real FOLDER --weights STATE`` measures a state.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TextIO

import cv2
import torch
from torch import Tensor

from backend.adapters.sam2.weights.checkpoints import SHIPPED_DIR
from backend.domain.errors import MaskletError
from scripts.training.continued import ContinuedPlan, ContinuedTraining, Judge
from scripts.training.judge import held_out_judge, real_figures
from scripts.training.mixture import DataPlan, start_renderer
from scripts.training.pictures.fetch import DEFAULT_FOLDER
from scripts.training.pictures.library import MissingPictures, Part
from scripts.training.weights_file import read_weights


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="training time in total, restarts included")
    parser.add_argument("--resume", action="store_true", help="continue the run in the folder")
    parser.add_argument("--run", type=Path, default=DEFAULT_FOLDER / "run1", help="the folder of the state")
    parser.add_argument("--pictures", type=Path, default=DEFAULT_FOLDER, help="the cache of the training pictures")
    parser.add_argument(
        "--weights", type=Path, default=SHIPPED_DIR / "demo.safetensors", help="the weights to start from"
    )
    parser.add_argument(
        "--image-size", type=int, help="pixels of the square frames; default: the state's or the model's"
    )
    parser.add_argument("--rate", type=float, default=3e-4, help="the peak of the learning rate")
    parser.add_argument("--trunk-share", type=float, default=1.0, help="the trunk's share of the rate; 0: it is frozen")
    parser.add_argument("--neck-share", type=float, default=1.0, help="the neck's share of the rate")
    parser.add_argument("--cool-down", type=float, default=0, help="last minutes, in which the rate falls")
    parser.add_argument("--judge", type=Path, help="a folder of real clips with masks, judged and never trained on")
    parser.add_argument("--judge-every", type=float, default=15, help="minutes between two judgements")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def judge_of(data: DataPlan, folder: Path | None) -> Judge:
    """The judge on held-out pictures and, if there is a folder, on real clips."""
    held_out = held_out_judge(data)

    def judge(weights: Mapping[str, Tensor], image_size: int) -> Mapping[str, float]:
        real = real_figures(weights, image_size, folder) if folder else {}
        return {**held_out(weights, image_size), **{f"real_{name}": value for name, value in real.items()}}

    return judge


def _locked(folder: Path) -> TextIO:
    """The lock of a run's folder, held until it is closed. Exits if another run has it, which may be a stopped one."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        sys.exit(f"another run, maybe a stopped one, uses {folder}")
    return lock


def train(arguments: argparse.Namespace) -> None:
    """Starts or resumes the run. Raises MissingPictures or ModelError."""
    state = arguments.run / "state.pt"
    if arguments.resume and not state.is_file():
        sys.exit(f"there is no state to resume: {state}")
    if not arguments.resume and state.exists():
        sys.exit(f"{state} is there: continue it with --resume, or name another folder with --run")
    with _locked(arguments.run):
        _run(arguments, state)


def _run(arguments: argparse.Namespace, state: Path) -> None:
    """Trains in the locked folder, judges, and leaves its files there."""
    weights, size = read_weights(state if arguments.resume else arguments.weights)
    data = DataPlan(arguments.pictures, Part.TRAINING, arguments.seed, arguments.image_size or size)
    judge = judge_of(data, arguments.judge)
    plan = ContinuedPlan(
        arguments.minutes,
        arguments.rate,
        arguments.cool_down,
        arguments.trunk_share,
        arguments.neck_share,
        judge_every_s=60 * arguments.judge_every,
    )
    training = ContinuedTraining(plan, data, arguments.run, weights)
    if arguments.resume:
        training.resume()
        logging.info("resumed at step %d", training.counters.steps)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, training.stop)
    if not arguments.resume:
        training.judge(judge)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=start_renderer, initargs=(os.getpid(),)) as renderers:
        training.run(renderers, judge)
    if not training.is_stopping:
        training.judge(judge)


def main() -> None:
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    try:
        train(arguments)
    except (MissingPictures, MaskletError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
