"""Memory attention's values: projection before attention, as in SAM 2, compared with projection after it.

Both give the same result. A memory has 64 channels and its values 256, so projection after attention saves three
quarters of the second product. The gain depends on the kernels for values narrower than keys. The shapes are those of
a long video with full memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from backend.adapters.sam2.runtime.device import computing, precision_of
from scripts.benchmarks.engine_figures.setup import Figures, Setup

SIDES = {"192": 12, "512": 32, "1024": 64}
"""Side of the coarse feature map by image size."""
MEMORIES, POINTER_TOKENS = 7, 64
BLOCK = 256
"""Queries per block of the plain products."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """queries [B, 1, HW, D], keys [B, 1, N, D], memory [B, 1, N, M]; project: M to D."""

    queries: Tensor
    keys: Tensor
    memory: Tensor
    project: nn.Linear


AttentionVariant = Callable[[Problem], Tensor]


def measure(setup: Setup) -> Figures:
    """SAM 2's time over each other variant's, for one and five objects; above 1, the other variant is faster."""
    for size, side in SIDES.items():
        if size == "1024" and setup.device.type == "cpu":
            continue  # takes minutes on a CPU; the result is that of 512
        for batch in (1, 5):
            problem = make_problem(batch, side, setup.device)
            times = best_times(problem, setup.device, repeats=setup.of(7, 1))
            before = times.pop("before")
            yield f"values.{size}.{batch}.before_ms", before * 1000
            for name, taken in times.items():
                yield f"values.{size}.{batch}.{name}_ratio", before / taken


def make_problem(batch: int, side: int, device: torch.device) -> Problem:
    """Seeded random tensors in SAM 2's shapes: seven memories and sixteen pointers of four tokens."""
    generator = torch.Generator().manual_seed(0)
    count = MEMORIES * side * side + POINTER_TOKENS

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        project = nn.Linear(64, 256).to(device).requires_grad_(False)
    return Problem(
        random(batch, 1, side * side, 256), random(batch, 1, count, 256), random(batch, 1, count, 64), project
    )


def before(problem: Problem) -> Tensor:
    """SAM 2's variant: projection before attention."""
    return F.scaled_dot_product_attention(problem.queries, problem.keys, problem.project(problem.memory))


def after(problem: Problem) -> Tensor:
    """Projection after attention, with torch's choice of kernel."""
    narrow = F.scaled_dot_product_attention(problem.queries, problem.keys, problem.memory)
    return cast(Tensor, problem.project(narrow))


def after_by(backend: SDPBackend, problem: Problem) -> Tensor:
    """Projection after attention with one kernel. Raises RuntimeError if the kernel does not support the shapes."""
    with sdpa_kernel(backend):
        return after(problem)


def after_in_blocks(problem: Problem) -> Tensor:
    """Projection after attention by plain products, in blocks of queries whose weights fit the cache."""
    keys = (problem.keys * problem.queries.size(-1) ** -0.5).transpose(2, 3)
    blocks = [(block @ keys).softmax(-1) @ problem.memory for block in torch.split(problem.queries, BLOCK, dim=2)]
    return cast(Tensor, problem.project(torch.cat(blocks, dim=2)))


def variants(device: torch.device) -> Mapping[str, AttentionVariant]:
    """The variants for the device, SAM 2's first."""
    known: dict[str, AttentionVariant] = {"before": before, "after": after, "after_in_blocks": after_in_blocks}
    if device.type == "cuda":
        for backend in (SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION):
            known[f"after_{backend.name.split('_')[0].lower()}"] = partial(after_by, backend)
    return known


def best_times(problem: Problem, device: torch.device, *, repeats: int) -> dict[str, float]:
    """Best seconds by variant over alternating repeats. Raises ValueError for a variant with a different result."""
    times: dict[str, float] = {}
    works = dict(variants(device))
    with computing(device, precision_of(device)):
        expected = before(problem).float()
        for repeat in range(repeats + 1):
            for name, variant in list(works.items()):
                try:
                    taken = seconds_of(partial(variant, problem), device)
                    if repeat == 0:
                        _require_equal(name, variant(problem).float(), expected)
                except RuntimeError as error:
                    print(f"  {name} does not run: {str(error).splitlines()[0]}", flush=True)
                    del works[name]
                    continue
                if repeat:
                    times[name] = min(taken, times.get(name, taken))
    return times


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call; on a CPU, processor time, which excludes waiting for other processes."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    started = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - started


def _require_equal(name: str, answer: Tensor, expected: Tensor) -> None:
    error = float((answer - expected).norm() / expected.norm())
    if not error < 0.05:
        raise ValueError(f"{name} differs from SAM 2 by {error:.3g} of the norm")
