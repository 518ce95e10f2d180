"""The machine: device and versions, and what its attention kernels reach."""

from __future__ import annotations

import os
import platform
import subprocess

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from backend.adapters.sam2.runtime.attention_kernels import cuda_timer
from backend.adapters.sam2.runtime.device import choose_device
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.gpu_steps.plan import is_tiny
from scripts.gpu_steps.work import Measured

KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


def machine(device: str) -> Measured:
    """Device, driver and versions. Raises ModelError without the device."""
    target = choose_device(device, threads=1)
    yield "machine.python", platform.python_version()
    yield "machine.torch", torch.__version__
    yield "machine.numpy", np.__version__
    yield "machine.cores", str(os.cpu_count())
    if target.type != "cuda":
        return
    yield "machine.name", torch.cuda.get_device_name(target)
    yield "machine.CUDA", str(torch.version.cuda)
    yield "machine.cuDNN", str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]
    yield "machine.memory_GiB", f"{torch.cuda.get_device_properties(target).total_memory / 2**30:.0f}"
    yield "machine.driver", driver()


def driver() -> str:
    """The driver's version, or why nvidia-smi does not tell it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        return f"unknown ({error})"


def attention(device: str) -> Measured:
    """TFLOP/s of each attention kernel at memory attention's size, one and ten objects, bfloat16.

    Queries [B, 1, 4096, 256], keys and values [B, 1, 28736, 256]: a frame of 1024 px and a full memory bank. A kernel
    that cannot compute these shapes has its reason instead.
    """
    target, tiny = choose_device(device, threads=1), is_tiny(device)
    queries, keys = (64, 128) if tiny else (4096, 28736)
    for batch in (1, 10):
        shapes = [(batch, 1, count, 256) for count in (queries, keys, keys)]
        q, k, v = (torch.randn(shape, device=target, dtype=torch.bfloat16) for shape in shapes)
        operations = 4 * batch * queries * keys * 256
        for name, kernel in KERNELS.items():
            try:
                with torch.inference_mode(), sdpa_kernel(kernel):

                    def attend(q: torch.Tensor = q, k: torch.Tensor = k, v: torch.Tensor = v) -> torch.Tensor:
                        return F.scaled_dot_product_attention(q, k, v)

                    attend()
                    elapsed_s = cuda_timer(target)(attend) / 1000 if target.type == "cuda" else seconds(attend)
            except RuntimeError as error:
                yield f"attention.{batch}.{name}", (str(error) or repr(error)).splitlines()[0][:80]
            else:
                yield f"attention.{batch}.{name}_tflops", operations / elapsed_s / 1e12
