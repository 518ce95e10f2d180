"""Trains the demo checkpoint: generates data, trains, evaluates, writes the checkpoint. Resumable.

Example: ``python -m scripts.train_demo_checkpoint --minutes 75 --seed 1``. Run it again to resume after a stop;
``--export-only`` writes and evaluates the checkpoint from the last snapshot without training.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from pathlib import Path

import cv2
import torch

from scripts.training.export import averaged_weights, held_out_report, samples_seen, write_checkpoint
from scripts.training.loop import RunPlan, Trainer
from scripts.training.model import CONFIG_PATH, configured_image_size

RECIPE = "scripts/train_demo_checkpoint.py: procedural clips, curriculum of single frames and then clips"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--minutes", type=float, default=75, help="training time, restarts included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work-dir", type=Path, default=Path("build/demo-checkpoint"))
    parser.add_argument("--clips", type=int, default=40, help="held-out clips to evaluate on; 0 for none")
    parser.add_argument("--export-only", action="store_true")
    parser.add_argument(
        "--blend",
        type=Path,
        action="append",
        default=[],
        help="an earlier snapshot of the run, kept by hand: the mean of its weights and the last ones is exported",
    )
    return parser.parse_args()


def train(arguments: argparse.Namespace) -> None:
    """Trains from scratch or from the snapshot until the minutes are used up."""
    trainer = Trainer(RunPlan(arguments.minutes, arguments.seed, arguments.device), arguments.work_dir)
    if trainer.resume():
        logging.info("resumed at step %d", trainer.progress.steps)
    trainer.run()


def export(arguments: argparse.Namespace) -> None:
    """Writes the checkpoint beside its config, evaluates it through the engine, and records the figures."""
    snapshot = arguments.work_dir / "snapshot.pt"
    facts: dict[str, object] = {
        "image_size": configured_image_size(),
        "license": "Apache-2.0",
        "recipe": RECIPE,
        "training": {"minutes": arguments.minutes, "seed": arguments.seed, "device": arguments.device}
        | samples_seen(snapshot)
        | {"blended_with": [samples_seen(path) for path in arguments.blend]},
        "figures": {},
    }
    weights, folder = averaged_weights(snapshot, *arguments.blend), CONFIG_PATH.parent
    print(write_checkpoint(weights, folder, facts))
    if arguments.clips:
        facts["figures"] = held_out_report(arguments.clips, arguments.threads).to_json()
        write_checkpoint(weights, folder, facts)
        print(json.dumps(facts["figures"], indent=2))


def main() -> None:
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves the pool's `with`, which ends the child processes
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    if not arguments.export_only:
        train(arguments)
    export(arguments)


if __name__ == "__main__":
    main()
