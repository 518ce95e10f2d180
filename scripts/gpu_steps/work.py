"""The child process of a step: `python -m scripts.gpu_steps.work STEP --device cuda|cpu`."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence

from scripts.gpu_steps.children import Figure, write_figure

Measured = Iterator[tuple[str, Figure]]
"""Figures by name. A step that goes on after an error raises at its end."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one step. Raises SystemExit for an unknown one."""
    parser = argparse.ArgumentParser(prog="work")
    parser.add_argument("step")
    parser.add_argument("--device", required=True)
    given = parser.parse_args(arguments)
    # The warm-up logs the kernels, the form of each step and its compilation.
    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    warnings.simplefilter("ignore")
    name, *details = given.step.split(".")
    for key, value in _work(name)(given.device, *details):
        write_figure(key, value)


def _work(name: str) -> Callable[..., Measured]:
    """Imports only what the step needs: a missing package costs its step alone."""
    if name == "tests":
        from scripts.gpu_steps.measured.gpu_tests import gpu_tests

        return gpu_tests
    if name in ("machine", "attention"):
        from scripts.gpu_steps.measured import machine as about

        return about.machine if name == "machine" else about.attention
    if name in ("parity", "speed"):
        from scripts.gpu_steps.measured import sides

        return sides.parity if name == "parity" else sides.speed
    if name in ("first_mask", "memory"):
        from scripts.gpu_steps.measured import one_engine

        return one_engine.first_mask if name == "first_mask" else one_engine.memory
    if name == "under_load":
        from scripts.gpu_steps.measured.bench import under_load

        return under_load
    if name == "values":
        from scripts.gpu_steps.measured.bench import values

        return values
    raise SystemExit(f"there is no step {name!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
