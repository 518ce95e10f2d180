"""The web process imports no model library and no decoder."""

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


def test_the_web_app_loads_no_torch_sam2_or_av() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, timeout=240)
    assert (done.stdout.split("\n")[:2], done.returncode) == (["[]", "3"], 0), done.stderr
