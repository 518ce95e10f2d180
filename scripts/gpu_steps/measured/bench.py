"""Figures of `./scripts/bench engine` that run on a GPU as they are."""

from __future__ import annotations

import os

from backend.adapters.sam2.runtime.device import choose_device
from scripts.benchmarks.engine_figures.setup import Setup
from scripts.gpu_steps.plan import is_tiny
from scripts.gpu_steps.work import Measured


def under_load(device: str) -> Measured:
    """Clicks through `masklet up` with the demo model, alone and while a propagation runs."""
    from scripts.benchmarks.engine_figures import under_load as clicks

    setup = _setup(device)
    for key, value in clicks.measure(setup):
        yield key.replace("interactive.", "under_load."), value


def values(device: str) -> Measured:
    """Memory attention with values projected before and after it."""
    from scripts.benchmarks.engine_figures import values as attention

    yield from attention.measure(_setup(device))


def _setup(device: str) -> Setup:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return Setup(choose_device(device, threads=1), threads=1, quick=is_tiny(device))
