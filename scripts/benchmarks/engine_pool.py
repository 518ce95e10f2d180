"""Runs a function on clips in several processes, each with an engine on one thread; results are in order."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.runtime.options import EngineOptions

Item = TypeVar("Item")
Result = TypeVar("Result")

_engines: list[Sam2Engine] = []
"""The engine of this process: loaded once, used for every clip."""


@dataclass(frozen=True, slots=True)
class EnginePool:
    """A process pool of engines. workers: processes; 0: one per core. An accelerator always has one.

    image_size: as MASKLET_IMAGE_SIZE.
    """

    model: str = "demo"
    device: str = "cpu"
    workers: int = 0
    model_dir: Path | None = None
    image_size: str = "auto"

    def map(self, work: Callable[[Sam2Engine, Item], Result], items: Sequence[Item], *, label: str) -> list[Result]:
        """work(engine, item) for every item; progress goes to stderr. work: a picklable module-level function."""
        count = 1 if self.device != "cpu" else self.workers or os.cpu_count() or 1
        context = multiprocessing.get_context("spawn")
        results: list[Result] = []
        engine = (self.model, self.device, self.model_dir, self.image_size)
        with ProcessPoolExecutor(count, context, _prepare, engine) as pool:
            for result in pool.map(_Job(work), items):
                results.append(result)
                if sys.stderr.isatty() or len(results) % 20 == 0:
                    end = "\r" if sys.stderr.isatty() else "\n"
                    print(f"{label}: {len(results)} of {len(items)}", end=end, file=sys.stderr, flush=True)
        return results


@dataclass(frozen=True, slots=True)
class _Job(Generic[Item, Result]):
    work: Callable[[Sam2Engine, Item], Result]

    def __call__(self, item: Item) -> Result:
        return self.work(_engines[0], item)


def _prepare(model: str, device: str, model_dir: Path | None, image_size: str) -> None:
    import warnings

    import cv2

    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    options = EngineOptions(image_size=image_size)
    _engines.append(load_engine(model, model_dir=model_dir, device=device, threads=1, options=options))
