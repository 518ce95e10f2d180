"""Processes that share the engine's imports by a fork use a GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from backend.adapters.queue.fork_server import ForkServer

SUM = """
import sys, torch
assert 'backend.adapters.sam2.engine' in sys.modules
print(torch.ones(3, device='cuda').sum().item())
"""


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_forked_processes_use_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forked_sum.py").write_text(SUM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = ForkServer(["backend.adapters.sam2.engine"])
    try:
        with (tmp_path / "log").open("ab") as output:
            both = [server.start((sys.executable, "-m", "forked_sum"), env={}, output=output) for _ in range(2)]
        assert [process.wait(120.0) for process in both] == [0, 0]
    finally:
        server.stop()
    assert (tmp_path / "log").read_text().splitlines() == ["3.0", "3.0"]
