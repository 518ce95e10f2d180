"""Which of torch's attention kernels memory attention takes, timed on a CUDA device with the shapes that it will meet.

torch ranks its kernels by device and version, not by shape, and SAM 2's one head of 256 channels is not what they are
made for. Its own ranking stays unless another order is clearly faster, so that a restart, and with it a resumed
propagation, chooses the same.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from backend.adapters.sam2.runtime.cuda_graphs import require_alike

logger = logging.getLogger(__name__)

OWN = "torch's own"
SEVERAL = 8
"""Objects in a batch, for the second measurement."""
WORTH_IT = 0.9
"""Of the time that torch's own choice takes: slower than that, another kernel is not worth a choice."""
TIMED_RUNS = 5
TOLERANCE = 0.05

_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
}
"""Not the plain products, which would write out 118 million weights for each object at 1024 px."""

Work = Callable[[], Tensor]
Timer = Callable[[Work], float]
"""How long some work takes, in any unit; raises RuntimeError for work that does not run."""


@dataclass(frozen=True, slots=True)
class Attended:
    """What memory attention looks at when a track has settled: shapes for measuring. side: of the feature map."""

    side: int
    channels: int
    heads: int
    memories: int
    pointer_tokens: int

    @classmethod
    def of(cls, model: SAM2Base, side: int) -> Attended:
        attention = model.memory_attention.layers[0].cross_attn_image
        return cls(
            side=side,
            channels=int(attention.internal_dim),
            heads=int(attention.num_heads),
            memories=int(model.num_maskmem),
            pointer_tokens=int(model.max_obj_ptrs_in_encoder) * (int(model.hidden_dim) // int(model.mem_dim)),
        )

    @property
    def keys(self) -> int:
        return self.memories * self.side**2 + self.pointer_tokens


@dataclass(slots=True)
class KernelChoice:
    """The kernels taken, for one object and for several. Names: `torch's own`, flash, memory-efficient or cuDNN."""

    alone: str = OWN
    together: str = OWN

    def __str__(self) -> str:
        return self.alone if self.alone == self.together else f"{self.alone} alone, {self.together} together"

    @contextmanager
    def of(self, objects: int) -> Iterator[None]:
        """Attention in here is by the kernel chosen for so many objects, or by others if it does not take a shape."""
        name = self.alone if objects == 1 else self.together
        if name == OWN:
            yield
            return
        chosen = _BACKENDS[name]
        others = [backend for backend in _BACKENDS.values() if backend is not chosen]
        with sdpa_kernel([chosen, *others, SDPBackend.MATH], set_priority=True):
            yield


def choose(
    attended: Attended, device: torch.device, precision: torch.dtype, timer: Timer | None = None
) -> KernelChoice:
    """The fastest kernels on a CUDA device; on others torch's own, unmeasured. timer: for tests."""
    if timer is None and device.type != "cuda":
        return KernelChoice()
    timed = timer or cuda_timer(device)
    alone, together = (_fastest_for(objects, attended, device, precision, timed) for objects in (1, SEVERAL))
    return KernelChoice(alone, together)


def fastest(works: Mapping[str, Work], timer: Timer) -> str:
    """The name of the work that takes least, but OWN unless another one is clearly faster.

    Works that do not run, or answer otherwise than OWN's, are left out. Raises what OWN's raises.
    """
    expected = works[OWN]()
    times = {OWN: timer(works[OWN])}
    for name in works.keys() - {OWN}:
        try:
            require_alike((works[name](),), (expected,), TOLERANCE)
            times[name] = timer(works[name])
        except (RuntimeError, ValueError) as error:
            logger.debug("attention by %s is left out: %s", name, error)
    logger.info("attention: %s", ", ".join(f"{name} {taken:.3g} ms" for name, taken in sorted(times.items())))
    best = min(times, key=lambda name: times[name])
    return best if times[best] < WORTH_IT * times[OWN] else OWN


def cuda_timer(device: torch.device) -> Timer:
    """Milliseconds on the device, the best of some runs after one that is not counted."""

    def timed(work: Work) -> float:
        with torch.cuda.device(device):
            work()
            best = float("inf")
            for _ in range(TIMED_RUNS):
                start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
                start.record()
                work()
                end.record()
                end.synchronize()
                best = min(best, start.elapsed_time(end))
            return best

    return timed


def _fastest_for(objects: int, attended: Attended, device: torch.device, precision: torch.dtype, timer: Timer) -> str:
    width = attended.channels // attended.heads
    generator = torch.Generator(device).manual_seed(0)

    def random(count: int) -> Tensor:
        shape = (objects, attended.heads, count, width)
        return torch.randn(shape, generator=generator, device=device).to(precision)

    queries, keys, values = random(attended.side**2), random(attended.keys), random(attended.keys)

    def attend() -> Tensor:
        return F.scaled_dot_product_attention(queries, keys, values)

    def by(backend: SDPBackend) -> Work:
        def work() -> Tensor:
            with sdpa_kernel(backend):
                return attend()

        return work

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of every reason why a kernel does not take a shape
            return fastest({OWN: attend} | {name: by(backend) for name, backend in _BACKENDS.items()}, timer)
    except torch.OutOfMemoryError:
        logger.warning("attention of %d objects was not timed: the memory of %s did not suffice", objects, device)
        return OWN
