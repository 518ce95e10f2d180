"""What processes import: the web process no model library and no decoder, a command nothing that it does not need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.bootstrap.cluster.device_workers import WORKER_IMPORTS
from backend.interfaces.cli import LEFT_OUT

ROOT = Path(__file__).parents[3]
NAMES = r"^([a-z0-9-]+)=="
IF_THERE = {"greenlet"}
"""Packages that SQLAlchemy imports if they are installed, and does without."""

PROBE = """
import sys
import backend.bootstrap.web
import backend.interfaces.http.app
import backend.interfaces.labelstudio.predict
print(sorted(name for name in ("torch", "torchvision", "sam2", "av") if name in sys.modules))
print(*{name.partition(".")[0] for name in sys.modules})
from backend.adapters.labelstudio.api.sdk import load_sdk
load_sdk()
load_sdk()
print(sorted(name for name in ("pandas", "jsf", "faker") if name in sys.modules))
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.projects.exports.client_ext import pd
sdk = LabelStudio(base_url="http://127.0.0.1:9", api_key="x")
try:
    pd.read_csv("x.csv")
except ImportError as error:
    print(type(sdk).__name__, error)
import jsf
print(jsf.JSF({"type": "integer", "minimum": 3, "maximum": 3}).generate())
import torch
print(torch.tensor([1, 2]).sum().item())
"""


def test_the_web_app_loads_no_torch_sam2_av_or_pandas() -> None:
    """Nor does the SDK that it imports at its start; who imports such a package afterwards gets it."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    models, imported, *of_sdk, total = done.stdout.splitlines()
    refused = "LabelStudio pandas is not imported in a process of Masklet; call the SDK in one of your own"
    assert (models, of_sdk, total) == ("[]", ["[]", refused, "3"], "3")
    assert {"fastapi", "sqlalchemy", "omegaconf"} <= set(imported.split())
    assert {name.lower().replace("_", "-") for name in imported.split()} & left_out_of_the_image() <= IF_THERE


PAGES_PROBE = """
import sys
import backend.interfaces.page_process, backend.interfaces.decoder_process
import backend.bootstrap.imports.batch, backend.bootstrap.export, backend.bootstrap.overlays
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_the_image_of_the_web_process_can_cut_pages_import_and_export() -> None:
    done = subprocess.run([sys.executable, "-c", PAGES_PROBE], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    imported = {name.lower().replace("_", "-") for name in done.stdout.split()}
    assert "av" in imported
    assert imported & left_out_of_the_image() <= IF_THERE
    assert left_out_of_the_image() >= LEFT_OUT


FORK_PROBE = f"""
import sys, threading, torch
def refuse(*_, **__): raise AssertionError("CUDA is used in a process that is forked later")
for name in ("is_available", "device_count", "get_device_properties", "current_device", "init", "_lazy_init"):
    setattr(torch.cuda, name, refuse)
for name in {WORKER_IMPORTS!r}: __import__(name)
shared = {{"backend.bootstrap.worker", "label_studio_sdk.client", "pandas"}}
print(threading.active_count(), *sorted(shared & set(sys.modules)))
"""


def test_the_shared_imports_of_workers_leave_cuda_alone_and_start_no_thread() -> None:
    """A process that used CUDA cannot be forked, and no thread survives a fork."""
    done = subprocess.run([sys.executable, "-c", FORK_PROBE], capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stdout) == (0, "1 backend.bootstrap.worker label_studio_sdk.client\n"), done.stderr


def left_out_of_the_image() -> set[str]:
    """The packages of the lock that the image of the web process does not have."""
    select = [sys.executable, "docker/select-lock", "web", "requirements.lock"]
    web = subprocess.run(select, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    whole = (ROOT / "requirements.lock").read_text()
    return set(re.findall(NAMES, whole, re.MULTILINE)) - set(re.findall(NAMES, web, re.MULTILINE))


HEAVY = {
    "torch",
    "sam2",
    "av",
    "cv2",
    "PIL",
    "httpx",
    "redis",
    "rq",
    "fastapi",
    "label_studio_sdk",
    "rich.progress",
    "backend.application.annotation.annotation_service",
    "backend.application.imports.importer",
    "backend.application.worker.job_runner",
    "backend.adapters.labelstudio",
    "backend.adapters.queue",
}


def imported_by(command: list[str], data_dir: Path) -> tuple[set[str], str]:
    """The modules that a command imports, and what it printed."""
    environment = {**os.environ, "MASKLET_DATA_DIR": str(data_dir)}
    argv = [sys.executable, "-X", "importtime", "-m", "backend.interfaces.cli", *command]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=240)
    lines = done.stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}, done.stderr


@pytest.mark.parametrize("command", [["status"], ["next", "7"], ["jobs", "retry"]])
def test_a_command_imports_nothing_that_it_does_not_need(command: list[str], tmp_path: Path) -> None:
    imported, output = imported_by(command, tmp_path)
    assert "backend.adapters.store.ledger.sql_ledger" in imported, output
    assert imported & HEAVY == set()


def test_the_supervisor_imports_nothing_of_its_processes(tmp_path: Path) -> None:
    imported, output = imported_by(["up", "--host", "0.0.0.0"], tmp_path)
    assert "without a password would let anyone on the network in" in output
    assert "backend.bootstrap.stack" in imported
    needed = {"redis", "rq", "backend.adapters.queue"}
    assert imported & ((HEAVY - needed) | {"valkey", "backend.bootstrap.web", "backend.bootstrap.worker"}) == set()


@pytest.mark.parametrize("package", ["sam2", "torch"])
def test_without_the_packages_of_workers_a_command_says_where_it_runs(package: str) -> None:
    """As in the web process's image."""
    assert package in LEFT_OUT
    code = f"import sys; sys.modules[{package!r}] = None; from backend.interfaces.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "eval", "demo"], capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (told,) = done.stderr.splitlines()
    assert told.startswith(f"masklet: this command needs {package}, which is not installed.")
    assert "docker compose exec propagate" in told
