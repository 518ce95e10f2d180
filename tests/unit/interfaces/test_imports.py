"""The web process carries no model library and no decoder."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import sys
import backend.bootstrap.web
import backend.interfaces.http.app
import backend.interfaces.labelstudio.predict
print(sorted(name for name in ("torch", "torchvision", "sam2", "av") if name in sys.modules))
import torch
print(torch.tensor([1, 2]).sum().item())
"""


def test_the_web_app_loads_neither_torch_nor_sam2_nor_av_and_leaves_torch_importable() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, timeout=240)
    assert (done.stdout.split("\n")[:2], done.returncode) == (["[]", "3"], 0), done.stderr
