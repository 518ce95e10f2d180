"""Train the demo checkpoint: generates its data, trains, evaluates, writes the checkpoint. Resumable.

Example: ``python -m scripts.train_demo_checkpoint --minutes 85 --seed 1 --work-dir build/demo``
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import cv2
import torch

from scripts.training.loop import RunPlan, Trainer


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--minutes", type=float, default=85.0, help="training time, restarts included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work-dir", type=Path, default=Path("build/demo-checkpoint"))
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    plan = RunPlan(arguments.minutes, arguments.seed, arguments.device)
    trainer = Trainer(plan, arguments.work_dir)
    if trainer.resume():
        logging.info("resumed at step %d", trainer.progress.steps)
    trainer.run()


if __name__ == "__main__":
    main()
