"""The device of the model, its precision, and its out-of-memory errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from backend.adapters.sam2.runtime.cpu_threads import usable_cores
from backend.domain.errors import DeviceOutOfMemory, ModelError

INT8 = "int8"
PRECISIONS = ("auto", "float32", "bfloat16", INT8)

SMALLEST_IN_BFLOAT16 = 256
"""The smallest image, in pixels of a side, that a CPU with AMX computes in bfloat16 by default."""

_CPU_EXHAUSTED = ("not enough memory", "can't allocate memory")


def choose_device(name: str, *, threads: int) -> torch.device:
    """`auto` is the first CUDA device, or else the CPU. Sets the CPU thread count (0: all usable cores) and TF32.

    Raises ModelError for a missing device.
    """
    torch.set_num_threads(threads or usable_cores())
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"there is no device {name!r}; choose auto, cpu, cuda or cuda:N") from error
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise ModelError(f"device {name!r} is not supported; choose auto, cpu, cuda or cuda:N")
    if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"device {name!r} is not there: this machine has {torch.cuda.device_count()} CUDA devices")
    torch.set_float32_matmul_precision("high")
    return device


def precision_of(device: torch.device, wanted: str = "auto", *, image_size: int = 0) -> torch.dtype:
    """`auto` is bfloat16 where the device computes in it natively and gains by it, else float32.

    wanted: one of PRECISIONS. image_size: of the model, pixels; 0 for a small one. int8 is float32 outside of the
    layers that compute in 8 bits (int8_layers.py). Images below SMALLEST_IN_BFLOAT16 stay in float32 on every CPU: the
    demo model is slower in bfloat16 (docs/benchmarks.md, "Precision on a CPU").
    """
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    if device.type == "cuda":
        # GPUs before Ampere emulate it, slowly.
        gains = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        gains = image_size >= SMALLEST_IN_BFLOAT16 and has_matrix_units()
    return torch.bfloat16 if gains else torch.float32


def has_matrix_units() -> bool:
    """Whether this CPU multiplies matrices of bfloat16 in units of their own (AMX), twice as fast as float32.

    Other CPUs are slower in bfloat16 than in float32; without AVX-512 about ten times.
    """
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return has_tiles is not None and bool(has_tiles())


def device_memory(device: torch.device) -> tuple[int, int]:
    """The bytes of memory that this process holds on its device, and the device's own size.

    A CPU's is the memory of the machine: the resident set, and all of it.
    """
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device), torch.cuda.mem_get_info(device)[1]
    page = os.sysconf("SC_PAGE_SIZE")
    resident = Path("/proc/self/statm")
    used = int(resident.read_text().split()[1]) * page if resident.exists() else 0
    return used, os.sysconf("SC_PHYS_PAGES") * page


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on a device. To a CUDA device by page-locked memory: from other memory the host waits for it."""
    return tensor if device.type != "cuda" else tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def computing(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Inference mode, with autocast if the precision is bfloat16. Raises DeviceOutOfMemory."""
    mixed = precision is torch.bfloat16
    with (
        telling_exhaustion(device),
        torch.inference_mode(),
        torch.autocast(device.type, torch.bfloat16, enabled=mixed),
    ):
        yield


@contextmanager
def telling_exhaustion(device: torch.device) -> Iterator[None]:
    """Raises DeviceOutOfMemory in the place of torch's errors for too little memory."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        torch.cuda.empty_cache()
        raise DeviceOutOfMemory(_exhausted(device)) from error


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch found too little memory on a device; a CPU has no error of its own for that."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _CPU_EXHAUSTED)


def _exhausted(device: torch.device) -> str:
    return f"the memory of {device} did not suffice: fewer objects at once or a smaller checkpoint would fit"
