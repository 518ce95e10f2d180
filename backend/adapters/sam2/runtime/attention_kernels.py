"""Choice of torch's attention kernel for memory attention, by timing on a CUDA device with the model's shapes.

torch ranks its kernels by device and version, not by shape, and they are not made for SAM 2's one head of 256 channels.
torch's ranking stays unless another kernel is clearly faster, so that a restart, and with it a resumed propagation,
chooses the same kernel.
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

OWN_KERNEL = "torch's own"
SEVERAL = 8
"""Objects in a batch, for the second measurement."""
MIN_GAIN = 0.9
"""The most time of another kernel, as a share of the time of torch's own choice."""
TIMED_RUNS = 5
TOLERANCE = 0.05

_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
}
"""Without the math kernel, which stores 118 million weights per object at 1024 px."""

Work = Callable[[], Tensor]
Timer = Callable[[Work], float]
"""The time that work takes, in any unit; raises RuntimeError for work that does not run."""


@dataclass(frozen=True, slots=True)
class AttentionShape:
    """The shapes of memory attention with full memory banks, for timing.

    side: of the feature map. memory_tokens: of one memory.
    """

    side: int
    memory_tokens: int
    channels: int
    heads: int
    memories: int
    pointer_tokens: int

    @classmethod
    def of(cls, model: SAM2Base, side: int, memory_tokens: int) -> AttentionShape:
        attention = model.memory_attention.layers[0].cross_attn_image
        return cls(
            side=side,
            memory_tokens=memory_tokens,
            channels=int(attention.internal_dim),
            heads=int(attention.num_heads),
            memories=int(model.num_maskmem),
            pointer_tokens=int(model.max_obj_ptrs_in_encoder) * (int(model.hidden_dim) // int(model.mem_dim)),
        )

    @property
    def keys(self) -> int:
        return self.memories * self.memory_tokens + self.pointer_tokens


@dataclass(slots=True)
class KernelChoice:
    """The kernels for one object and for several. Names: `torch's own`, flash, memory-efficient or cuDNN."""

    alone: str = OWN_KERNEL
    together: str = OWN_KERNEL

    def __str__(self) -> str:
        return self.alone if self.alone == self.together else f"{self.alone} alone, {self.together} together"

    @contextmanager
    def of(self, objects: int) -> Iterator[None]:
        """A context with the kernel for this count of objects; other kernels run shapes that it does not support."""
        name = self.alone if objects == 1 else self.together
        if name == OWN_KERNEL:
            yield
            return
        chosen = _BACKENDS[name]
        others = [backend for backend in _BACKENDS.values() if backend is not chosen]
        with sdpa_kernel([chosen, *others, SDPBackend.MATH], set_priority=True):
            yield


def choose(
    shape: AttentionShape, device: torch.device, precision: torch.dtype, timer: Timer | None = None
) -> KernelChoice:
    """The fastest kernels on a CUDA device; elsewhere torch's own, without timing. timer: for tests."""
    if timer is None and device.type != "cuda":
        return KernelChoice()
    timed = timer or cuda_timer(device)
    alone, together = (_fastest_for(objects, shape, device, precision, timed) for objects in (1, SEVERAL))
    return KernelChoice(alone, together)


def fastest(works: Mapping[str, Work], timer: Timer) -> str:
    """The name of the fastest work; OWN_KERNEL unless another one takes less than MIN_GAIN of its time.

    Ignores works that do not run, or whose output differs from OWN_KERNEL's. Raises what OWN_KERNEL's raises.
    """
    expected = works[OWN_KERNEL]()
    times = {OWN_KERNEL: timer(works[OWN_KERNEL])}
    for name in works.keys() - {OWN_KERNEL}:
        try:
            require_alike((works[name](),), (expected,), TOLERANCE)
            times[name] = timer(works[name])
        except (RuntimeError, ValueError) as error:
            logger.debug("attention kernel %s is ignored: %s", name, error)
    logger.info("attention: %s", ", ".join(f"{name} {taken:.3g} ms" for name, taken in sorted(times.items())))
    best = min(times, key=lambda name: times[name])
    return best if times[best] < MIN_GAIN * times[OWN_KERNEL] else OWN_KERNEL


def cuda_timer(device: torch.device) -> Timer:
    """Times work in milliseconds on the device: the best of TIMED_RUNS runs after one warm-up run."""

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


def _fastest_for(
    objects: int, shape: AttentionShape, device: torch.device, precision: torch.dtype, timer: Timer
) -> str:
    width = shape.channels // shape.heads
    generator = torch.Generator(device).manual_seed(0)

    def random(count: int) -> Tensor:
        size = (objects, shape.heads, count, width)
        return torch.randn(size, generator=generator, device=device).to(precision)

    queries, keys, values = random(shape.side**2), random(shape.keys), random(shape.keys)

    def attend() -> Tensor:
        return F.scaled_dot_product_attention(queries, keys, values)

    def by(backend: SDPBackend) -> Work:
        def work() -> Tensor:
            with sdpa_kernel(backend):
                return attend()

        return work

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of every reason why a kernel does not support a shape
            return fastest({OWN_KERNEL: attend} | {name: by(backend) for name, backend in _BACKENDS.items()}, timer)
    except torch.OutOfMemoryError:
        logger.warning("attention of %d objects was not timed: out of memory on %s", objects, device)
        return OWN_KERNEL
